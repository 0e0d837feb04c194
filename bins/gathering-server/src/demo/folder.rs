//! Where the demo's files are: a temporary directory of its own, or one that the user names.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gathering_embedded_postgres::check_data_dir;

use super::error::Error;

/// The demo's directory: the database, the server's log, the pipeline and its report.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    /// The directory that the user named, which is kept, or a temporary one with `tag` in its name.
    pub(super) fn open(named: Option<&Path>, keep: bool, tag: &str) -> Result<Self, Error> {
        match named {
            Some(path) => {
                let path = std::path::absolute(path).map_err(while_trying("find", path))?;
                check_data_dir(&path).map_err(Error::NoPlace)?;
                create(&path, true)?;
                Ok(Self { path, keep: true })
            }
            None => Ok(Self {
                path: temporary(tag)?,
                keep,
            }),
        }
    }

    /// The directory itself, which is the server's data directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the database is kept.
    pub(super) fn keeps(&self) -> bool {
        self.keep
    }

    /// What the pipeline writes.
    pub(super) fn report(&self) -> PathBuf {
        self.path.join("report.md")
    }

    /// The pipeline, for those who want to read it.
    pub(super) fn pipeline(&self) -> PathBuf {
        self.path.join("pipeline.json")
    }

    /// The server's log.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// The last line of the server's log that says something.
    pub(super) fn last_of_log(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let last = log.lines().rfind(|line| !line.trim().is_empty());
        let last = last.unwrap_or("its log is empty");
        last.strip_prefix("gathering: ").unwrap_or(last).to_owned()
    }

    /// Opens the log, to go on after what is there.
    pub(super) fn append_log(&self) -> Result<Stdio, Error> {
        let path = self.log();
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(while_trying("write", &path))?;
        Ok(file.into())
    }

    /// Writes the pipeline down.
    pub(super) fn write_pipeline(&self, text: &str) -> Result<(), Error> {
        let path = self.pipeline();
        fs::write(&path, text).map_err(while_trying("write", &path))
    }

    /// Leaves what the user may want to look at; only the report and the pipeline, unless all is to be kept.
    pub(super) fn tidy(&self) -> Result<(), Error> {
        if self.keep {
            return Ok(());
        }
        let database = self.path.join("postgres");
        remove(fs::remove_dir_all(&database), &database)?;
        remove(fs::remove_file(self.log()), &self.log())
    }

    /// Leaves nothing, unless all is to be kept.
    pub(super) fn remove(&self) -> Result<(), Error> {
        if self.keep {
            return Ok(());
        }
        remove(fs::remove_dir_all(&self.path), &self.path)
    }
}

/// The usual place for temporary files; where PostgreSQL's account cannot get there, the one that lasts longer.
fn temporary(tag: &str) -> Result<PathBuf, Error> {
    let name = format!("gathering-demo-{tag}");
    let usual = std::env::temp_dir().join(&name);
    let path = if check_data_dir(&usual).is_ok() {
        usual
    } else {
        let other = Path::new("/var/tmp").join(&name);
        check_data_dir(&other).map_err(Error::NoPlace)?;
        other
    };
    create(&path, false)?;
    Ok(path)
}

/// As root, others may pass through: PostgreSQL runs as somebody else, in a directory of its own below.
fn create(path: &Path, may_exist: bool) -> Result<(), Error> {
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    // A temporary directory that exists already is somebody else's, so it is not taken.
    let created = DirBuilder::new().mode(mode).recursive(may_exist).create(path);
    created.map_err(while_trying("create", path))
}

fn remove(outcome: io::Result<()>, path: &Path) -> Result<(), Error> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(while_trying("remove", path)(error)),
        _ => Ok(()),
    }
}

fn while_trying(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File { action, path, source }
}
