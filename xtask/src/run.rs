//! The commands that run the workspace: tests, demo, benchmarks. Each first makes sure of PostgreSQL.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::context::Context;
use crate::error::Error;
use crate::terminal::say;
use crate::{process, setup};

mod tests_run;

/// What comes before cargo's own progress.
pub(crate) const BUILDING: &str = "building what is to run; the first time takes a few minutes …";

/// The benchmarks that measure the server itself, and so need it built.
const OF_THE_SERVER: [&str; 2] = ["memory", "linear"];
/// The benchmark of many schedules that are due at once.
const SCHEDULES: &str = "w4";
/// The benchmark of the server beside its logins.
const LOGINS: &str = "logins";

/// Every test of the workspace, with a summary at the end; the exit code is cargo's.
pub(crate) fn test(context: &Context, arguments: &[String]) -> Result<ExitCode, Error> {
    setup::ensure(context)?;
    setup::ensure_redis(context)?;
    let mut command = process::cargo_in(&context.root);
    command.args(["test", "--no-fail-fast"]);
    if !names_packages(arguments) {
        command.arg("--workspace");
    }
    tests_run::run(command.args(arguments))
}

/// The demonstration, after cargo has shown how it builds the server. It takes this process's place, so that ^C reaches it and nothing else.
pub(crate) fn demo(context: &Context, arguments: &[String]) -> Result<ExitCode, Error> {
    setup::ensure(context)?;
    say(BUILDING);
    become_program(
        process::cargo_in(&context.root)
            .args(["run", "--package", "gathering-server", "--", "demo"])
            .args(arguments),
    )
}

/// The benchmarks of the engine, each beside its limit.
pub(crate) fn bench(context: &Context, name: Option<&str>, json: Option<&Path>) -> Result<ExitCode, Error> {
    setup::ensure(context)?;
    say(BUILDING);
    if name.is_some_and(|name| OF_THE_SERVER.contains(&name)) {
        let mut build = process::cargo_in(&context.root);
        build.args(["build", "--release", "--package", "gathering-server"]);
        let status = build.status().map_err(|source| could_not_start(&build, source))?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    let mut command = process::cargo_in(&context.root);
    if name == Some(LOGINS) {
        // The one benchmark of the server as a whole; it prints its table and writes no JSON.
        return become_program(command.args(["bench", "--package", "gathering-server", "--bench", LOGINS]));
    }
    // Schedules that start runs are a matter of the facade, which puts both together.
    if name == Some(SCHEDULES) {
        command.args(["bench", "--package", "gathering", "--bench", "schedules", "--"]);
    } else {
        command.args(["bench", "--package", "gathering-pipeline", "--bench", "pipelines", "--"]);
        command.args(name);
    }
    if let Some(path) = json {
        let path = std::path::absolute(path).map_err(|source| Error::File {
            action: "name",
            path: path.to_owned(),
            source,
        })?;
        command.args([OsStr::new("--json"), path.as_os_str()]);
    }
    become_program(&mut command)
}

/// Cargo takes either the whole workspace or named packages.
fn names_packages(arguments: &[String]) -> bool {
    let own = arguments.iter().take_while(|argument| *argument != "--");
    let mut flags = own.filter(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    flags.next().is_some()
}

/// Takes this process's place, so that ^C reaches the program and nothing else; returns only where it cannot be started.
pub(crate) fn become_program(command: &mut Command) -> Result<ExitCode, Error> {
    let source = command.exec();
    Err(could_not_start(command, source))
}

fn could_not_start(command: &Command, source: std::io::Error) -> Error {
    Error::Start {
        command: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}
