//! The distribution's own package, on Debian and Ubuntu as root.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::Context;
use crate::process;
use crate::terminal::say;

use super::reason::in_one_line;
use super::search::Places;

/// Read by Debian's package while it is installed: with it no cluster is created and no server started.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/gathering-setup.conf";

/// Installs `postgresql` without a cluster, or says why that is not possible here.
pub(super) fn install(_context: &Context, places: &Places) -> Result<(), String> {
    if !places.root {
        return Err("only root may install it".to_owned());
    }
    if !Path::new("/etc/debian_version").is_file() || !process::on_path("apt-get") {
        return Err("this is neither Debian nor Ubuntu (no apt-get)".to_owned());
    }
    say("PostgreSQL is missing: installing the distribution's package `postgresql` with apt-get …");
    let _without_cluster = NoCluster::declare().map_err(|error| format!("could not write {NO_CLUSTER}: {error}"))?;
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", "postgresql"])
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.args(["-qq", "-o", "DPkg::Lock::Timeout=120"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    process::capture_from(&mut command)
        .map(drop)
        .map_err(|error| in_one_line(&error))
}

/// The settings file, there for the length of the installation only: what the machine's owner installs later is theirs.
struct NoCluster(PathBuf);

impl NoCluster {
    fn declare() -> std::io::Result<Self> {
        let path = PathBuf::from(NO_CLUSTER);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, "create_main_cluster = false\n")?;
        Ok(Self(path))
    }
}

impl Drop for NoCluster {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}
