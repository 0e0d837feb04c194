//! Every error code that a client can meet has its page in docs/errors, and every page its code.
//!
//! Codes are named by the match arms of the files called `code.rs`: `Self::NotFound => "not_found",`.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;
use super::tracked;

const RULE: &str = "error-pages";
const PAGES: &str = "docs/errors/";

/// Compares the tables of codes with the pages.
pub(super) fn check(context: &Context) -> Result<Vec<Finding>, Error> {
    let files = tracked::files(context)?;
    let mut codes = BTreeMap::new();
    for file in files.iter().filter(|file| file.ends_with("/code.rs")) {
        codes.extend(
            codes_in(&context.read(file)?)
                .into_iter()
                .map(|code| (code, file.clone())),
        );
    }
    Ok(compare(&codes, &pages(&files)))
}

/// `codes` maps each code to its file.
fn compare(codes: &BTreeMap<String, String>, pages: &[String]) -> Vec<Finding> {
    let unwritten = codes
        .iter()
        .filter(|(code, _)| !pages.contains(code))
        .map(|(code, file)| {
            let way_out = format!("write {PAGES}{code}.md: what happened, why, what the caller does");
            Finding::new(RULE, file, format!("the code {code} has no page"), way_out)
        });
    let orphaned = pages.iter().filter(|page| !codes.contains_key(*page)).map(|page| {
        let way_out = "remove the page, or add the code to the table it is missing from";
        Finding::new(
            RULE,
            format!("{PAGES}{page}.md"),
            format!("no table has the code {page}"),
            way_out,
        )
    });
    unwritten.chain(orphaned).collect()
}

fn pages(files: &BTreeSet<String>) -> Vec<String> {
    let pages = files
        .iter()
        .filter_map(|file| file.strip_prefix(PAGES)?.strip_suffix(".md"));
    pages.filter(|page| *page != "README").map(str::to_owned).collect()
}

/// The `snake_case` literals that are the whole value of a match arm.
fn codes_in(source: &str) -> Vec<String> {
    let values = source
        .lines()
        .filter_map(|line| line.trim().strip_suffix("\",")?.split_once(" => \""));
    let values = values.map(|(_pattern, value)| value);
    values.filter(|value| is_code(value)).map(str::to_owned).collect()
}

fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{codes_in, compare, pages};

    #[test]
    fn codes_are_what_the_match_arms_name() {
        let source = "/// Not \"this\".
            Self::NotFound => \"run_not_found\",
            Self::Busy => \"busy\",
            Self::Busy => \"There is too much to do\",
            assert_eq!(name, \"nothing\");";
        assert_eq!(codes_in(source), ["run_not_found", "busy"]);
    }

    #[test]
    fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
        let codes = BTreeMap::from([("busy".to_owned(), "src/code.rs".to_owned())]);
        let files = BTreeSet::from(["docs/errors/README.md", "docs/errors/gone.md"].map(str::to_owned));
        let problems: Vec<String> = compare(&codes, &pages(&files))
            .into_iter()
            .map(|finding| finding.problem)
            .collect();
        assert_eq!(problems, ["the code busy has no page", "no table has the code gone"]);
    }
}
