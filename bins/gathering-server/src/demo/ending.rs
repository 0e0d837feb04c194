//! The end of the demo: what became of each node, the report, what was proved, and what to try next.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::Play;
use super::proof::{Check, Facts, Row};
use super::run::readable;
use super::screen::paint::Paint;

/// Everything that is shown at the end; what was proved comes last, where a terminal shows it.
pub(super) fn text(play: &Play, facts: &Facts, checks: &[Check]) -> String {
    let paint = play.screen.paint();
    let mut text = String::from("\n");
    text.push_str(&nodes(facts, paint));
    text.push_str(&report(&play.folder.report(), paint));
    text.push_str(&promises(checks, paint));
    if checks.iter().all(|check| check.held) {
        let total = readable(play.screen.elapsed());
        // Writing to a String does not fail, here and below.
        let _ = write!(
            text,
            "\n  {}\n",
            paint.bold(&format!("Done in {total}. Three things to try next:"))
        );
        text.push_str(&next_steps(play));
    }
    text
}

fn nodes(facts: &Facts, paint: Paint) -> String {
    let heading = row(["node", "type", "started", "took", "in journal", "requests"]);
    let mut text = format!("{}\n", paint.dim(&heading));
    for line in facts.rows().map(|found| cells(&found)) {
        let _ = writeln!(text, "{}", row(line.each_ref().map(String::as_str)).trim_end());
    }
    text
}

fn cells(found: &Row<'_>) -> [String; 6] {
    let node = found.node;
    let has_run = node.status != "skipped";
    let time = |time: Option<Duration>| time.filter(|_| has_run).map(readable).unwrap_or_default();
    let times = |count: usize| {
        if count == 1 {
            "once".to_owned()
        } else {
            format!("{count} times")
        }
    };
    [
        node.id.clone(),
        node.r#type.clone(),
        found
            .began
            .filter(|_| has_run)
            .map(|began| format!("+{}", readable(began)))
            .unwrap_or_default(),
        time(node.took()),
        format!("{} {}", node.status, times(found.ended)),
        found
            .requests
            .map(|count| requests(count, found.cut_off))
            .unwrap_or_default(),
    ]
}

fn requests(count: usize, cut_off: bool) -> String {
    let lost = if cut_off { ", the first cut off" } else { "" };
    format!("{count}{lost}")
}

fn row(cells: [&str; 6]) -> String {
    let [node, kind, started, took, journal, requests] = cells;
    format!("  {node:<15} {kind:<9} {started:>8} {took:>7}  {journal:<14}  {requests}")
}

fn promises(checks: &[Check], paint: Paint) -> String {
    let mut text = String::from("\n");
    for check in checks {
        let mark = if check.held {
            paint.green("✔")
        } else {
            paint.red("✘")
        };
        let _ = writeln!(text, "  {mark} {}", check.text);
    }
    let once = "Effects happen at least once; their Idempotency-Key tells a repetition.";
    let _ = writeln!(text, "    {}", paint.dim(once));
    text
}

/// Where the report is, and its first line.
fn report(path: &Path, paint: Paint) -> String {
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let first = written
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches(['#', ' ']);
    format!(
        "\n  {} {}\n    {}\n",
        paint.bold("The report:"),
        path.display(),
        paint.dim(first)
    )
}

fn next_steps(play: &Play) -> String {
    let program = program();
    let folder = play.folder.path().display();
    let server = if play.folder.keeps() {
        format!(
            "{program} serve --data-dir {folder}\n     the run is still there, for {} with the password {}",
            play.account.email, play.account.password
        )
    } else {
        format!("{program} serve\n     a server of your own, on http://127.0.0.1:8080; it needs nothing else")
    };
    format!(
        "
  1. {server}
  2. while it runs, save and run a pipeline from another terminal: README.md, \"Run it\"
  3. read {} (what has just run)
     and crates/pipeline/README.md (the same in a program of yours, in 20 lines)
",
        play.folder.pipeline().display()
    )
}

/// How this program was called, as one would type it again.
fn program() -> String {
    if std::env::var_os("CARGO").is_some() {
        return "cargo run --".to_owned();
    }
    let typed = std::env::args_os().next();
    typed
        .as_deref()
        .map_or("gathering".into(), OsStr::to_string_lossy)
        .into_owned()
}
