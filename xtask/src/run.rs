//! The commands that run the workspace: tests, demo, benchmarks. Each first makes sure of PostgreSQL.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::context::Context;
use crate::error::Error;
use crate::{process, setup};

mod tests_run;

/// Every test of the workspace, with a summary at the end; the exit code is cargo's.
pub(crate) fn test(context: &Context, arguments: &[String]) -> Result<ExitCode, Error> {
    setup::ensure(context)?;
    let mut command = cargo_in(context);
    command.args(["test", "--no-fail-fast"]);
    if !names_packages(arguments) {
        command.arg("--workspace");
    }
    tests_run::run(command.args(arguments))
}

/// The demonstration. It takes this process's place, so that ^C reaches it and nothing else.
pub(crate) fn demo(context: &Context, arguments: &[String]) -> Result<ExitCode, Error> {
    setup::ensure(context)?;
    become_program(
        cargo_in(context)
            .args(["run", "--quiet", "--package", "gathering-server", "--", "demo"])
            .args(arguments),
    )
}

/// The benchmarks of the engine, each beside its limit.
pub(crate) fn bench(context: &Context, name: Option<&str>, json: Option<&Path>) -> Result<ExitCode, Error> {
    setup::ensure(context)?;
    let mut command = cargo_in(context);
    command
        .args([
            "bench",
            "--quiet",
            "--package",
            "gathering-pipeline",
            "--bench",
            "pipelines",
            "--",
        ])
        .args(name);
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

fn cargo_in(context: &Context) -> Command {
    let mut command = Command::new(process::cargo());
    command.current_dir(&context.root);
    command
}

fn become_program(command: &mut Command) -> Result<ExitCode, Error> {
    let source = command.exec();
    Err(Error::Start {
        command: command.get_program().to_string_lossy().into_owned(),
        source,
    })
}
