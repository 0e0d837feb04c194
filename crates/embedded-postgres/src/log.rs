//! PostgreSQL's own messages: one file, of bounded size, and its end for errors.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::Error;
use crate::error::while_trying;
use crate::home::Home;

/// From this size on, a log is put aside at the next start (as `postgres.log.1`, in place of the one before).
const PUT_ASIDE_BYTES: u64 = 8 << 20;

/// The most of a log's end that goes into an error.
const TAIL_BYTES: u64 = 2_000;

/// Opens the log of a cluster, and says how long it is already.
pub(crate) fn open(home: &Home) -> Result<(File, u64), Error> {
    let path = home.log();
    if size(&path) > PUT_ASIDE_BYTES {
        fs::rename(&path, path.with_extension("log.1")).map_err(while_trying("put aside", &path))?;
    }
    let file = home.open(&path, true)?;
    let size = size(&path);
    Ok((file, size))
}

/// What was written to the log at `path` after its first `from` bytes, or the end of that if it is much.
pub(crate) fn tail(path: &Path, from: u64) -> String {
    let start = from.max(size(path).saturating_sub(TAIL_BYTES));
    read_from(path, start).unwrap_or_else(|error| format!("(unreadable: {error})"))
}

fn read_from(path: &Path, start: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
