//! The distribution's own package, on Debian and Ubuntu as root.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::Context;
use crate::process;
use crate::terminal::say;

use super::reason::in_one_line;
use super::search::Places;

/// Read by Debian's package while it is installed: with it no cluster is created and no server started.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/gathering-setup.conf";

/// Read by Debian's packages before they start a service; there is none unless the machine's owner wrote one.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs `postgresql` without a cluster, or says why that is not possible here.
pub(super) fn install(_context: &Context, places: &Places) -> Result<(), String> {
    may_install(places)?;
    say("PostgreSQL is missing: installing the distribution's package `postgresql` with apt-get …");
    let settings = ("create_main_cluster = false\n", 0o644);
    let _without_cluster = Meanwhile::write(NO_CLUSTER, settings)?;
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", "postgresql"])
}

/// Installs `redis-server` without starting it, or says why that is not possible here.
pub(super) fn install_redis(_context: &Context, places: &Places) -> Result<(), String> {
    may_install(places)?;
    say("Redis is missing: installing the distribution's package `redis-server` with apt-get …");
    let owners = Path::new(POLICY).exists();
    let never = ("#!/bin/sh\nexit 101\n", 0o755);
    let _without_service = (!owners).then(|| Meanwhile::write(POLICY, never)).transpose()?;
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", "redis-server"])
}

fn may_install(places: &Places) -> Result<(), String> {
    if !places.root {
        return Err("only root may install it".to_owned());
    }
    if !Path::new("/etc/debian_version").is_file() || !process::on_path("apt-get") {
        return Err("this is neither Debian nor Ubuntu (no apt-get)".to_owned());
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.args(["-qq", "-o", "DPkg::Lock::Timeout=120"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    process::capture_from(&mut command)
        .map(drop)
        .map_err(|error| in_one_line(&error))
}

/// A file that is there for the length of the installation only: what the machine's owner installs later is theirs.
struct Meanwhile(PathBuf);

impl Meanwhile {
    fn write(path: &str, (text, mode): (&str, u32)) -> Result<Self, String> {
        let file = Self(PathBuf::from(path));
        file.fill(text, mode)
            .map_err(|error| format!("could not write {path}: {error}"))?;
        Ok(file)
    }

    fn fill(&self, text: &str, mode: u32) -> std::io::Result<()> {
        if let Some(folder) = self.0.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&self.0, text)?;
        std::fs::set_permissions(&self.0, Permissions::from_mode(mode))
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}
