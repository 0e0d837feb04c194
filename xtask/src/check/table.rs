//! The table at the end: a line per stage, columns aligned, and a last line that sums up.

use crate::terminal::{Tone, paint};

use super::stage::{Outcome, Timed};

/// The lines of the table.
pub(super) fn lines(results: &[Timed]) -> Vec<String> {
    let width = results
        .iter()
        .map(|timed| timed.name.to_string().len())
        .max()
        .unwrap_or(0);
    let mut lines: Vec<String> = results.iter().map(|timed| line(timed, width)).collect();
    lines.push(sum(results));
    lines
}

fn line(timed: &Timed, width: usize) -> String {
    let (verdict, tone, note) = verdict(&timed.outcome);
    let took = format!("{:.1} s", timed.took.as_secs_f64());
    // Padded before it is coloured: the codes have no width on a screen.
    let verdict = paint(&format!("{verdict:<7}"), tone);
    format!(
        "{name:<width$}  {took:>8}  {verdict}  {note}",
        name = timed.name.to_string()
    )
    .trim_end()
    .to_owned()
}

fn verdict(outcome: &Outcome) -> (&'static str, Tone, String) {
    match outcome {
        Outcome::Passed { note, findings } if findings.is_empty() => ("ok", Tone::Good, note.clone()),
        Outcome::Passed { note, .. } => ("hint", Tone::Caution, note.clone()),
        Outcome::Failed(findings) => ("failed", Tone::Bad, counted(findings.len(), "finding")),
        Outcome::Skipped(why) => ("skipped", Tone::Caution, why.clone()),
    }
}

fn sum(results: &[Timed]) -> String {
    let failed: Vec<String> = results
        .iter()
        .filter(|timed| matches!(timed.outcome, Outcome::Failed(_)))
        .map(|timed| timed.name.to_string())
        .collect();
    if failed.is_empty() {
        paint("check: all stages are fine", Tone::Good)
    } else {
        paint(
            &format!(
                "check: {} failed: {}",
                counted(failed.len(), "stage"),
                failed.join(", ")
            ),
            Tone::Bad,
        )
    }
}

/// "1 finding", "2 findings".
pub(super) fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::finding::Finding;
    use super::super::stage::{Outcome, StageName, Timed};
    use super::lines;

    #[test]
    fn columns_are_aligned_and_the_last_line_names_what_failed() {
        let finding = Finding::new("layers", "a", "b", "c");
        let results = [
            timed(StageName::Format, 1_250, Outcome::passed("")),
            timed(
                StageName::Advisories,
                10,
                Outcome::Skipped("cargo-audit is not installed".to_owned()),
            ),
            timed(StageName::Layers, 123_456, Outcome::Failed(vec![finding])),
        ];
        let expected = [
            "format         1.2 s  ok",
            "advisories     0.0 s  skipped  cargo-audit is not installed",
            "layers       123.5 s  failed   1 finding",
            "check: 1 stage failed: layers",
        ];
        assert_eq!(lines(&results), expected);
    }

    fn timed(name: StageName, milliseconds: u64, outcome: Outcome) -> Timed {
        Timed {
            name,
            took: Duration::from_millis(milliseconds),
            outcome,
        }
    }
}
