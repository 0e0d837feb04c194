//! Every library crate has a README, and that README is the top of its documentation.

use std::path::Path;

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;

const RULE: &str = "readme";
/// What makes the README the documentation, so that its example is compiled.
const INCLUDED: &str = r#"#![doc = include_str!("../README.md")]"#;

/// Library crates without a README, or with one that nobody compiles.
pub(super) fn check(context: &Context) -> Result<Vec<Finding>, Error> {
    let folders = context
        .members
        .iter()
        .filter_map(|package| package.manifest_path.parent());
    let libraries = folders.filter(|folder| folder.starts_with(context.root.join("crates")));
    libraries
        .map(|folder| check_crate(context, folder))
        .filter_map(Result::transpose)
        .collect()
}

fn check_crate(context: &Context, folder: &Path) -> Result<Option<Finding>, Error> {
    let place = context.relative(folder);
    if !folder.join("README.md").is_file() {
        let way_out = "write README.md: what it is, and an example of 20 lines on top";
        return Ok(Some(Finding::new(RULE, place, "the crate has no README.md", way_out)));
    }
    let library = format!("{place}/src/lib.rs");
    let included = context.read(&library)?.contains(INCLUDED);
    let way_out = format!("begin it with {INCLUDED}, so that the example compiles");
    Ok((!included).then(|| Finding::new(RULE, library, "README.md is not the crate's documentation", way_out)))
}
