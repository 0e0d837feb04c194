//! The changelog has a place for what is not released yet.

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;

const PAPER: &str = "CHANGELOG.md";

/// Misses the section that the next change needs.
pub(super) fn check(context: &Context) -> Result<Vec<Finding>, Error> {
    let text = context.read(PAPER)?;
    let there = text.lines().any(|line| line.trim_end() == "## Unreleased");
    let finding = || {
        let way_out = "add the section at the top, and in it one sentence for what a user notices";
        Finding::new("changelog", PAPER, "there is no section `## Unreleased`", way_out)
    };
    Ok(if there { Vec::new() } else { vec![finding()] })
}
