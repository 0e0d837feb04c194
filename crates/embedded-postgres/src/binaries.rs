//! PostgreSQL's programs in one directory, and their version.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// Oldest major version that works.
pub(crate) const OLDEST_MAJOR: u32 = 15;

/// A directory with PostgreSQL's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// The programs in `dir`, which must hold at least `postgres` and `initdb` of version 15 or later.
    pub fn at(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        Self::in_dir(dir).map_err(|problem| Error::UnusableBinaries {
            dir: dir.to_path_buf(),
            problem,
        })
    }

    /// The programs in `dir`; otherwise a sentence on what is missing there.
    pub(crate) fn in_dir(dir: &Path) -> Result<Self, String> {
        for program in ["postgres", "initdb"] {
            if !dir.join(program).is_file() {
                return Err(format!("`{program}` is missing"));
            }
        }
        let major = major_of(&dir.join("postgres"))?;
        if major < OLDEST_MAJOR {
            return Err(format!("it is version {major}, and {OLDEST_MAJOR} or later is needed"));
        }
        Ok(Self {
            dir: dir.to_path_buf(),
            major,
        })
    }

    /// The directory that holds the programs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// PostgreSQL's major version, such as 17.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Path of one of the programs, such as `psql`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn major_of(postgres: &Path) -> Result<u32, String> {
    let output = Command::new(postgres)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`postgres --version` does not run ({error})"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_major(&text).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!(
            "`postgres --version` names no version: {}{}",
            text.trim(),
            complaint.trim()
        )
    })
}

/// The major version in a line such as `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` or `… 18beta1`.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn the_major_version_is_read_from_releases_betas_and_packaged_builds() {
        assert_eq!(
            parse_major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("postgres (PostgreSQL) 17devel"), Some(17));
        assert_eq!(parse_major("postgres: no such thing"), None);
    }
}
