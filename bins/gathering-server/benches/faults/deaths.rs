//! Quarantine, compared with the processes that were really killed.

use std::collections::BTreeSet;

use gathering_testkit::history::{History, RunHistory};

use crate::inject::DEATHS;

/// Every node in quarantine under which fewer processes can have died than it takes, each in a sentence.
pub(crate) fn too_few(history: &History, killed: &BTreeSet<String>) -> Vec<String> {
    let judged = quarantined(history).filter_map(|(run, node, seq)| {
        let deaths = at_most(run, seq, killed);
        (deaths < DEATHS).then(|| {
            format!(
                "node {node} of run {} was quarantined in entry {seq}, but at most {deaths} processes were killed under it",
                run.id
            )
        })
    });
    judged.collect()
}

/// How many times a node was put into quarantine.
pub(crate) fn count(history: &History) -> usize {
    quarantined(history).count()
}

fn quarantined(history: &History) -> impl Iterator<Item = (&RunHistory, &str, i32)> {
    history.runs.iter().flat_map(|run| {
        let entries = run.entries.iter().filter(|entry| entry.kind == "node_quarantined");
        entries.map(move |entry| (run, entry.node.as_deref().unwrap_or_default(), entry.seq))
    })
}

/// How many owners of the run may have been killed before entry `seq`. A take-over names who takes over, not from whom; where nobody else
/// can have claimed the run since the last one, because the epoch rose by one, that is who took it over then. All others may have been killed.
fn at_most(run: &RunHistory, seq: i32, killed: &BTreeSet<String>) -> usize {
    let mut entries: Vec<_> = run.entries.iter().filter(|entry| entry.seq < seq).collect();
    entries.sort_by_key(|entry| entry.seq);
    let mut deaths = 0;
    let mut last: Option<(i64, &str)> = None;
    for entry in entries.into_iter().filter(|entry| entry.kind == "taken_over") {
        let epoch = entry.data["epoch"].as_i64().unwrap_or_default();
        let lives = last.is_some_and(|(before, by)| before + 1 == epoch && !killed.contains(by));
        deaths += usize::from(!lives);
        last = entry.data["by"].as_str().map(|by| (epoch, by));
    }
    deaths
}
