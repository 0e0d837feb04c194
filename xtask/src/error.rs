//! What can stop a command of xtask before its own verdict.

use std::path::PathBuf;

/// A failure of the tool, as opposed to a finding about the repository.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program could not be started.
    #[error("could not start `{command}`: is it installed and on PATH?")]
    Start {
        /// The program with its arguments.
        command: String,
        /// Why the system refused.
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed{}", detail(.output))]
    Failed {
        /// The program with its arguments.
        command: String,
        /// What it said, shortened.
        output: String,
    },
    /// A file or folder could not be read or written.
    #[error("could not {action} {}", .path.display())]
    File {
        /// What was tried: "read", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file is there, but is not what it should be.
    #[error("could not understand {what}")]
    Format {
        /// Which file or output.
        what: String,
        /// Where it goes wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// PostgreSQL's binaries are missing and could not be installed.
    #[error("{0}")]
    Setup(String),
}

fn detail(output: &str) -> String {
    let output = output.trim();
    if output.is_empty() {
        String::new()
    } else {
        format!(":\n{output}")
    }
}
