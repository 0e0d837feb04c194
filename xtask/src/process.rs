//! Starting other programs: either their output is the user's, or it is ours to read.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::error::Error;

/// How much of a failed program's output an error repeats, in lines.
const KEPT_LINES: usize = 20;

/// The cargo that started this process, so that a toolchain override is kept.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_unset| "cargo".to_owned())
}

/// Runs a program whose output goes to the user.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus, Error> {
    command.status().map_err(|source| Error::Start {
        command: text_of(command),
        source,
    })
}

/// Runs a program and returns its standard output; a failure carries the end of what it said.
pub(crate) fn capture(program: &str, arguments: &[&str]) -> Result<String, Error> {
    let mut command = Command::new(program);
    capture_from(command.args(arguments))
}

/// As `capture`, for a command that needs more than arguments.
pub(crate) fn capture_from(command: &mut Command) -> Result<String, Error> {
    let text = text_of(command);
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(source) => {
            return Err(Error::Start { command: text, source });
        }
    };
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::Failed {
            command: text,
            output: last_lines(&String::from_utf8_lossy(&output.stderr)),
        })
    }
}

/// Whether a program of this name is on PATH.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_file(&folder.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

fn text_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(KEPT_LINES)..].join("\n")
}
