//! Starting other programs: either their output is the user's, or it is ours to read.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::error::Error;

/// How much of a failed program's output an error repeats, in lines.
const KEPT_LINES: usize = 20;

/// The cargo that started this process, so that a toolchain override is kept.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_unset| "cargo".to_owned())
}

/// That cargo in a folder, seeing what one that the user starts there would see: build scripts look at the variables that cargo
/// set for this process, and would run again each time that the two take turns.
pub(crate) fn cargo_in(folder: &Path) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_own_package(name)) {
        command.env_remove(name);
    }
    command
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

/// Whether cargo sets a variable to say something about the package that it runs.
fn is_of_own_package(variable: &OsStr) -> bool {
    const NAMES: [&str; 6] = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    NAMES.iter().any(|name| variable == *name) || variable.as_encoded_bytes().starts_with(b"CARGO_PKG_")
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn cargo_sees_nothing_of_the_package_that_starts_it() {
        let command = cargo_in(Path::new("/"));
        let removed: BTreeSet<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
            assert!(
                removed.contains(&(OsStr::new(name), None)),
                "{name} is not in {removed:?}"
            );
        }
        assert!(!is_of_own_package(OsStr::new("CARGO_TARGET_DIR")));
    }
}
