//! Long source files: a hint that two ideas share one file, never a failure.

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;
use super::stage::Outcome;
use super::table::counted;
use super::tracked;

/// Lines from which a file is worth a look; nearly all stay under 300.
const LONG: usize = 500;

/// The stage.
pub(super) fn stage(context: &Context) -> Result<Outcome, Error> {
    let files = tracked::files(context)?;
    let sources: Vec<&String> = files
        .iter()
        .filter(|file| tracked::has_extension(file, "rs") && file.contains("src/"))
        .collect();
    let mut lengths = Vec::new();
    for file in sources {
        lengths.push((context.read(file)?.lines().count(), file));
    }
    lengths.sort_unstable();
    let findings = lengths
        .iter()
        .filter(|(lines, _)| *lines > LONG)
        .map(|(lines, file)| too_long(*lines, file))
        .collect();
    let median = lengths.get(lengths.len() / 2).map_or(0, |(lines, _)| *lines);
    Ok(Outcome::Passed {
        note: format!("{}, median {median} lines", counted(lengths.len(), "source file")),
        findings,
    })
}

fn too_long(lines: usize, file: &str) -> Finding {
    Finding::new(
        "sizes",
        file,
        format!("the file has {lines} lines"),
        "split it by idea, if it holds two",
    )
}
