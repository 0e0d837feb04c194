//! Texts that belong to one developer's desk: paths of their machine, notes to self.

use std::path::Path;

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;
use super::stage::Outcome;
use super::table::counted;
use super::tracked;

const RULE: &str = "texts";
/// First parts of paths under which people and build machines keep checkouts. Written without slashes, so as not to
/// find themselves.
const DESKS: [&str; 5] = ["root", "home", "Users", "work", "builds"];
/// Paths under them that documentation may use as examples.
const EXAMPLES: [&str; 2] = ["/home/you/", "/home/a b/"];
/// Notes to self.
const NOTES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

/// The stage.
pub(super) fn stage(context: &Context) -> Result<Outcome, Error> {
    let files = tracked::files(context)?;
    let here = context.root.display().to_string();
    let mut findings = Vec::new();
    for file in &files {
        // What is not UTF-8 is a picture or the like.
        if let Ok(text) = std::fs::read_to_string(context.root.join(file)) {
            findings.extend(check(file, &text, &here));
        }
    }
    Ok(Outcome::of(findings, counted(files.len(), "file")))
}

/// `here` is the path of the checkout, which is nobody else's.
fn check(file: &str, text: &str, here: &str) -> Vec<Finding> {
    let lines = (1..).zip(text.lines());
    lines
        .filter_map(|(number, line)| {
            check_line(line, here)
                .map(|(problem, way_out)| Finding::new(RULE, format!("{file}:{number}"), problem, way_out))
        })
        .collect()
}

fn check_line(line: &str, here: &str) -> Option<(String, &'static str)> {
    if let Some(note) = NOTES.iter().find(|note| line.contains(*note)) {
        return Some((
            format!("a note to self, {note}"),
            "do it now, or file an issue and leave the line out",
        ));
    }
    let own = DESKS.iter().any(|desk| names_desk(line, desk))
        || (Path::new(here).components().count() > 2 && line.contains(here));
    own.then(|| {
        (
            "a path of somebody's own machine".to_owned(),
            "use a path from the root of the checkout, or /home/you/ in an example",
        )
    })
}

/// Whether the line has an absolute path that begins with this part.
fn names_desk(line: &str, desk: &str) -> bool {
    let start = format!("/{desk}/");
    line.match_indices(&start)
        .any(|(at, _)| is_start_of_path(&line[..at]) && !EXAMPLES.iter().any(|example| line[at..].starts_with(example)))
}

/// A path begins after a space, a quote or a sign, and goes on after a letter: `/api/work/` is no desk.
fn is_start_of_path(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || "._-~$*/{}<>:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::check;

    fn problems(line: &str) -> Vec<String> {
        check("a.md", line, "/srv/checkouts/mine")
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn a_path_of_a_desk_is_found_where_a_path_begins() {
        let path = ["", "home", "anna", "gathering"].join("/");
        assert_eq!(problems(&format!("see `{path}`")).len(), 1);
        assert_eq!(problems(&format!("{path}/x")).len(), 1);
        assert_eq!(problems(&format!("https://example.org{path}")), [""; 0]);
        assert_eq!(problems("in /srv/checkouts/mine/target").len(), 1);
    }

    #[test]
    fn examples_and_routes_pass() {
        for line in [
            "/home/you/project",
            "GET /api/v1/home/x",
            "crates/work/src",
            "$HOME/.cache",
            "/workspaces/1",
        ] {
            assert_eq!(problems(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn a_note_to_self_is_found() {
        assert_eq!(problems(concat!("// TO", "DO: later")).len(), 1);
    }
}
