//! What people read: a line for each seed, and everything about one that went wrong.

use std::path::{Path, PathBuf};

use gathering_domain::RunId;
use gathering_testkit::history::{Entry, RunHistory, Violation};

use crate::course::Outcome;
use crate::deaths;

/// How many violations of a seed are told in full.
const MOST_TOLD: usize = 20;
/// How many journals are shown.
const MOST_JOURNALS: usize = 3;
/// How much of an entry's data is shown.
const MOST_DATA: usize = 160;

/// The titles of the columns.
pub(crate) const HEADER: &str =
    "      seed  instances  runs  effects  take-overs  quarantined  pace  wrong  rest s  all s  faults";

/// A seed in one line.
pub(crate) fn line(outcome: &Outcome) -> String {
    let faults: Vec<&str> = outcome.faults.iter().map(|(_, fault)| fault.as_str()).collect();
    format!(
        "{:>10}  {:>9}  {:>4}  {:>7}  {:>10}  {:>11}  {:>4.2}  {:>5}  {:>6.1}  {:>5.1}  {}",
        outcome.seed,
        outcome.instances,
        outcome.history.runs.len(),
        outcome.history.effects.len(),
        outcome.take_overs(),
        deaths::count(&outcome.history),
        outcome.pace(),
        outcome.violations.len() + outcome.odd.len(),
        outcome.rest.as_secs_f64(),
        outcome.took.as_secs_f64(),
        faults.join(", ")
    )
}

/// What is wrong with a seed, and how to see it again.
pub(crate) fn wrong(outcome: &Outcome, without: Option<&str>) -> String {
    let mut lines = vec![format!("\nseed {}: the history is wrong", outcome.seed)];
    let found = outcome.violations.iter().map(ToString::to_string);
    let mut found: Vec<String> = found.chain(outcome.odd.iter().cloned()).collect();
    let more = found.len().saturating_sub(MOST_TOLD);
    found.truncate(MOST_TOLD);
    lines.extend(found.iter().map(|sentence| format!("  {sentence}")));
    if more > 0 {
        lines.push(format!("  … and {more} more"));
    }
    lines.push("what went wrong on purpose, by seconds since the beginning:".to_owned());
    let faults = outcome.faults.iter();
    lines.extend(faults.map(|(at, fault)| format!("  {:>5.1}  {fault}", at.as_secs_f64())));
    for run in spoilt(outcome) {
        lines.extend(journal(run));
    }
    lines.push(logs(outcome));
    lines.push(format!("repeat it with: {}", again(outcome.seed, without)));
    lines.join("\n")
}

/// The command that repeats a seed.
pub(crate) fn again(seed: u64, without: Option<&str>) -> String {
    let without = without.map(|safety| format!(" --without {safety}")).unwrap_or_default();
    format!("cargo xtask verify faults --seed {seed}{without}")
}

/// The first few runs with something wrong.
fn spoilt(outcome: &Outcome) -> Vec<&RunHistory> {
    let mut ids: Vec<RunId> = outcome.violations.iter().filter_map(Violation::run).collect();
    ids.dedup();
    let runs = ids.iter().take(MOST_JOURNALS);
    runs.filter_map(|id| outcome.history.runs.iter().find(|run| run.id == *id))
        .collect()
}

fn journal(run: &RunHistory) -> Vec<String> {
    let head = run.head.as_ref();
    let head = head.map(|head| format!("{} at epoch {}", head.status, head.epoch));
    let mut lines = vec![format!(
        "run {}: {}; its journal (number, epoch, time, kind, node, data):",
        run.id,
        head.unwrap_or_else(|| "not in the database".to_owned())
    )];
    let mut entries: Vec<&Entry> = run.entries.iter().collect();
    entries.sort_by_key(|entry| entry.seq);
    lines.extend(entries.iter().map(|entry| {
        let data: String = entry.data.to_string().chars().take(MOST_DATA).collect();
        let node = entry.node.as_deref().unwrap_or("-");
        format!(
            "  {:>4}  {:>3}  {}  {:<15}  {node:<8}  {data}",
            entry.seq, entry.epoch, entry.at, entry.kind
        )
    }));
    lines
}

/// Keeps what the instances have logged, and says where.
pub(crate) fn logs(outcome: &Outcome) -> String {
    match keep_logs(outcome) {
        Ok(dir) => format!("the logs of the instances are in {}", dir.display()),
        Err(error) => format!("the logs of the instances could not be kept: {error}"),
    }
}

fn keep_logs(outcome: &Outcome) -> std::io::Result<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}", outcome.seed));
    std::fs::create_dir_all(&dir)?;
    for (instance, log) in outcome.logs.iter().enumerate() {
        std::fs::write(dir.join(format!("instance-{instance}.log")), log)?;
    }
    Ok(dir)
}
