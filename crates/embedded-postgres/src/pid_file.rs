//! `postmaster.pid`: what a running PostgreSQL says about itself.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;

/// How far the postmaster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not ready yet, or it did not say.
    Starting,
    /// It takes connections.
    Ready,
    /// It is on its way out.
    Stopping,
}

/// The contents of `postmaster.pid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: Pid,
    pub(crate) port: Option<u16>,
    pub(crate) socket_dir: Option<PathBuf>,
    pub(crate) status: Status,
}

impl PidFile {
    /// Reads the file of the cluster in `data`; `None` where there is none, or none that makes sense.
    pub(crate) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(Self::path(data)).ok()?)
    }

    /// Where the file of the cluster in `data` is.
    pub(crate) fn path(data: &Path) -> PathBuf {
        data.join("postmaster.pid")
    }

    /// Its lines are: pid, data directory, start time, port, socket directory, address, shared memory, status.
    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        // A single-user PostgreSQL writes its pid with a minus.
        let pid: i32 = lines
            .first()?
            .trim_start_matches('-')
            .parse()
            .ok()
            .filter(|pid| *pid > 0)?;
        let line = |number: usize| lines.get(number - 1).copied().filter(|line| !line.is_empty());
        Some(Self {
            pid: Pid::from_raw(pid),
            port: line(4).and_then(|port| port.parse().ok()),
            socket_dir: line(5).map(PathBuf::from),
            status: match line(8) {
                Some("ready") => Status::Ready,
                Some("stopping") => Status::Stopping,
                _ => Status::Starting,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_postmaster_says_where_its_socket_is() {
        let text = "4711\n/d/data\n1700000000\n5432\n/d/socket\n\n 1234 5\nready   \n";
        let file = PidFile::parse(text).unwrap();
        assert_eq!(file.pid, Pid::from_raw(4711));
        assert_eq!(
            (file.port, file.socket_dir),
            (Some(5432), Some(PathBuf::from("/d/socket")))
        );
        assert_eq!(file.status, Status::Ready);
    }

    #[test]
    fn a_file_that_is_still_being_written_is_not_ready() {
        assert_eq!(
            PidFile::parse("4711\n/d/data\n1700000000\n5432\n").unwrap().status,
            Status::Starting
        );
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("-12\n/d/data\n").unwrap().pid, Pid::from_raw(12));
    }
}
