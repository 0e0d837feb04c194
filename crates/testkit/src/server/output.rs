//! What a process writes: into files, so that nobody has to read along.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much of a log is shown when a test fails.
const END: usize = 20_000;

/// Two files in a directory of their own, removed with the value.
#[derive(Debug)]
pub(super) struct Output {
    dir: PathBuf,
}

impl Output {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("gathering-server-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("could not create {}: {error}", dir.display()));
        Self { dir }
    }

    pub(super) fn stdout(&self) -> Stdio {
        self.create("stdout")
    }

    pub(super) fn stderr(&self) -> Stdio {
        self.create("stderr")
    }

    /// The first line of standard output, once it is complete.
    pub(super) fn first_line(&self) -> Option<String> {
        let text = self.read("stdout");
        text.split_once('\n').map(|(line, _)| line.to_owned())
    }

    pub(super) fn log(&self) -> String {
        self.read("stderr")
    }

    pub(super) fn log_end(&self) -> String {
        let log = self.log();
        let start = log.len().saturating_sub(END);
        let start = (start..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
        log[start..].to_owned()
    }

    fn create(&self, name: &str) -> Stdio {
        let path = self.dir.join(name);
        let file = File::create(&path).unwrap_or_else(|error| panic!("could not create {}: {error}", path.display()));
        file.into()
    }

    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.dir.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).ok();
    }
}
