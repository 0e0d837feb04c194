//! Every direct outside dependency stands once in the workspace's table, and has its line in docs/dependencies.md.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::error::Error;
use crate::metadata::Package;

use super::finding::Finding;

const RULE: &str = "dependencies";
const PAPER: &str = "docs/dependencies.md";
const MANIFEST: &str = "Cargo.toml";

/// Compares the workspace's table, the paper and what the crates really use.
pub(super) fn check(context: &Context) -> Result<Vec<Finding>, Error> {
    let declared = declared(&context.read(MANIFEST)?)?;
    let described = described(&context.read(PAPER)?);
    Ok(compare(&declared, &described, &used(&context.members)))
}

fn compare(declared: &BTreeSet<String>, described: &BTreeSet<String>, used: &BTreeSet<String>) -> Vec<Finding> {
    let undescribed = declared.difference(described).map(|name| {
        let way_out = "add a line: what for, why this one, what it pulls in, its licence";
        Finding::new(
            RULE,
            PAPER,
            format!("{name} is a direct dependency without a line"),
            way_out,
        )
    });
    let left_over = described.difference(declared).map(|name| {
        Finding::new(
            RULE,
            PAPER,
            format!("{name} has a line, but is no direct dependency"),
            "remove the line",
        )
    });
    let unshared = used.difference(declared).map(|name| {
        let way_out = "declare it in [workspace.dependencies], so that every crate builds it with the same features";
        Finding::new(
            RULE,
            MANIFEST,
            format!("{name} is used by a crate, but not declared for the workspace"),
            way_out,
        )
    });
    let unused = declared.difference(used).map(|name| {
        let way_out = "remove it from [workspace.dependencies]";
        Finding::new(
            RULE,
            MANIFEST,
            format!("{name} is declared, but no crate uses it"),
            way_out,
        )
    });
    undescribed.chain(left_over).chain(unshared).chain(unused).collect()
}

/// The outside libraries of `[workspace.dependencies]`.
fn declared(manifest: &str) -> Result<BTreeSet<String>, Error> {
    let manifest: toml::Table = toml::from_str(manifest).map_err(|source| Error::Format {
        what: MANIFEST.to_owned(),
        source: source.into(),
    })?;
    let table = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table);
    let outside = table
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.get("path").is_none());
    Ok(outside.map(|(name, _)| name.clone()).collect())
}

/// The names that begin a row of a table in the paper.
fn described(paper: &str) -> BTreeSet<String> {
    let rows = paper.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn used(members: &[Package]) -> BTreeSet<String> {
    let edges = members.iter().flat_map(|package| &package.dependencies);
    edges
        .filter(|edge| edge.path.is_none())
        .map(|edge| edge.name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{compare, declared, described};

    #[test]
    fn only_outside_libraries_are_declared() {
        let manifest =
            "[workspace.dependencies]\nours = { path = \"crates/ours\" }\nserde = \"1\"\ntoml = { version = \"1\" }";
        assert_eq!(declared(manifest).unwrap(), set(&["serde", "toml"]));
    }

    #[test]
    fn rows_of_tables_are_descriptions_and_prose_is_not() {
        let paper = "Use `bytes` well.\n\n| crate | what for |\n|---|---|\n| `serde` | JSON |\n";
        assert_eq!(described(paper), set(&["serde"]));
    }

    #[test]
    fn each_disagreement_is_a_finding_of_its_own() {
        let findings = compare(
            &set(&["serde", "new"]),
            &set(&["serde", "old"]),
            &set(&["serde", "hidden"]),
        );
        let problems: Vec<&str> = findings.iter().map(|finding| finding.problem.as_str()).collect();
        let expected = [
            "new is a direct dependency without a line",
            "old has a line, but is no direct dependency",
            "hidden is used by a crate, but not declared for the workspace",
            "new is declared, but no crate uses it",
        ];
        assert_eq!(problems, expected);
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}
