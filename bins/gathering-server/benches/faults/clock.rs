//! The clock of a process, which can be stepped while it runs, and under the very binary that is the product (or PostgreSQL's).
//!
//! A small library is preloaded into the process and adds to the time of day that it asks for; see `clock.c`.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::DATE;

/// How far the time that a process tells may be from what was set: it tells whole seconds, and takes a moment to answer.
const TOLERANCE: i64 = 5;

/// A clock; whoever has one has it over all its processes.
#[derive(Debug)]
pub(crate) struct Clock {
    file: File,
    path: PathBuf,
}

impl Clock {
    /// One that is right.
    pub(crate) fn right() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("clock-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = folder().join(name);
        let file = File::create(&path).unwrap_or_else(|error| panic!("no {}: {error}", path.display()));
        let clock = Self { file, path };
        clock.step(0);
        clock
    }

    /// From now on it is so many seconds ahead, or behind.
    pub(crate) fn step(&self, seconds: i64) {
        let mut file = &self.file;
        // Eight bytes at once: the process reads them as one number.
        let written = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&seconds.to_ne_bytes()));
        written.unwrap_or_else(|error| panic!("could not step {}: {error}", self.path.display()));
    }

    /// What a process needs in its environment to live by it.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        [
            ("LD_PRELOAD", library().display().to_string()),
            ("STEPPED_CLOCK", self.path.display().to_string()),
        ]
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

/// What is odd about an answer to have come from a process whose clock is so many seconds ahead: its own time, if that is another.
pub(crate) fn disagrees(date: Option<&String>, seconds: i64, now: jiff::Timestamp) -> Option<String> {
    let told = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let off = told.map(|told| told.timestamp().as_second() - now.as_second());
    let agrees = off.is_some_and(|off| (off - seconds).abs() <= TOLERANCE);
    (!agrees).then(|| format!("a clock was stepped by {seconds} s, but its process tells {DATE} {date:?} at {now}"))
}

/// The one that cargo gives or, where the account of PostgreSQL, which may live by such a clock as well, cannot reach that, the temporary one.
pub(crate) fn folder() -> PathBuf {
    let given = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    if gathering_embedded_postgres::check_data_dir(&given).is_ok() {
        given
    } else {
        std::env::temp_dir()
    }
}

/// The library, compiled when it is first asked for, by the C compiler without which nothing here could be linked.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/faults/clock.c");
        let library = folder().join("clock.so");
        let mut compile = Command::new("cc");
        compile
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
            .args([&library, &source]);
        let done = compile.arg("-ldl").status();
        assert!(
            done.as_ref().is_ok_and(std::process::ExitStatus::success),
            "cc could not compile {}: {done:?}",
            source.display()
        );
        library
    })
}
