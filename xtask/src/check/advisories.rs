//! Known vulnerabilities, as far as that can be asked without a network: the tool and its database must be there.

use std::path::PathBuf;
use std::process::Command;

use crate::context::Context;
use crate::error::Error;
use crate::process;

use super::finding::Finding;
use super::stage::Outcome;

/// The stage. It never fetches: a check must not depend on a server being up.
pub(super) fn stage(context: &Context) -> Result<Outcome, Error> {
    if !process::on_path("cargo-audit") {
        return Ok(Outcome::Skipped(
            "cargo-audit is not installed (cargo install cargo-audit)".to_owned(),
        ));
    }
    let Some(database) = database().filter(|folder| folder.is_dir()) else {
        return Ok(Outcome::Skipped(
            "cargo-audit has no database yet (run `cargo audit` once, online)".to_owned(),
        ));
    };
    let mut command = Command::new(process::cargo());
    command
        .args(["audit", "--no-fetch", "--stale", "--db"])
        .arg(database)
        .current_dir(&context.root);
    if process::run(&mut command)?.success() {
        return Ok(Outcome::passed(""));
    }
    let way_out = "update the crate, or replace it";
    Ok(Outcome::Failed(vec![Finding::new(
        "advisories",
        "Cargo.lock",
        "a vulnerability is known, see above",
        way_out,
    )]))
}

fn database() -> Option<PathBuf> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    cargo_home.or_else(home).map(|folder| folder.join("advisory-db"))
}
