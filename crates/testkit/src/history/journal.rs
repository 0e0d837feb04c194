//! One journal by itself: its numbers, its epochs, and the life of each node.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, RunHistory, Violation};

/// The kinds of entries that end a node.
const ENDS: [&str; 5] = [
    "node_completed",
    "node_failed",
    "node_timed_out",
    "node_skipped",
    "node_cancelled",
];

/// The kinds of entries that may follow a quarantine.
const RESOLVES: [&str; 3] = ["node_released", "node_failed", "node_cancelled"];

/// The entries of a run, in the order of their numbers.
pub(super) struct Journal<'a> {
    run: &'a RunHistory,
    entries: Vec<&'a Entry>,
    /// The place of the first `run_ended`.
    end: Option<usize>,
}

impl<'a> Journal<'a> {
    pub(super) fn of(run: &'a RunHistory) -> Self {
        let mut entries: Vec<&Entry> = run.entries.iter().collect();
        entries.sort_by_key(|entry| entry.seq);
        let end = entries.iter().position(|entry| entry.kind == "run_ended");
        Self { run, entries, end }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().copied()
    }

    /// The entry that ended the run.
    pub(super) fn end(&self) -> Option<&'a Entry> {
        self.end.map(|place| self.entries[place])
    }

    /// The nodes that have ended, be it after the run.
    pub(super) fn ended(&self) -> BTreeSet<&'a str> {
        let ends = self.entries().filter(|entry| is_end(entry));
        ends.filter_map(|entry| entry.node.as_deref()).collect()
    }

    /// Numbers from 1, each once, and nothing after the end.
    pub(super) fn sequence(&self, found: &mut Vec<Violation>) {
        let run = self.run.id;
        let mut before = 0;
        for entry in self.entries() {
            let seq = entry.seq;
            if seq == before {
                found.push(Violation::RepeatedSeq { run, seq });
            } else if seq != before + 1 {
                found.push(Violation::Gap {
                    run,
                    expected: before + 1,
                    seq,
                });
            }
            before = seq;
        }
        let Some(end) = self.end else { return };
        found.extend(self.entries[end + 1..].iter().map(|late| Violation::AfterEnd {
            run,
            node: late.node.clone(),
            end: self.entries[end].seq,
            seq: late.seq,
            kind: late.kind.clone(),
        }));
    }

    /// Epochs that only rise; who was taken over writes no more.
    pub(super) fn epochs(&self, found: &mut Vec<Violation>) {
        let mut highest: Option<&Entry> = None;
        let mut taken_over: Option<&Entry> = None;
        for entry in self.entries() {
            if let Some(by) = taken_over.filter(|by| entry.epoch < by.epoch) {
                found.push(Violation::WrittenAfterTakeOver {
                    run: self.run.id,
                    seq: entry.seq,
                    epoch: entry.epoch,
                    taken_over: by.seq,
                    by: by.epoch,
                });
            } else if let Some(before) = highest.filter(|before| entry.epoch < before.epoch) {
                found.push(Violation::EpochBackwards {
                    run: self.run.id,
                    seq: entry.seq,
                    epoch: entry.epoch,
                    before: before.epoch,
                });
            } else {
                highest = Some(entry);
                taken_over = if entry.kind == "taken_over" {
                    Some(entry)
                } else {
                    taken_over
                };
            }
        }
    }

    /// Each node ends once and then is left alone. What comes after the run's end is told as such, and not again here.
    pub(super) fn nodes(&self, found: &mut Vec<Violation>) {
        let known: BTreeSet<&str> = self.run.nodes.iter().map(|node| node.id.as_str()).collect();
        let mut ended: BTreeMap<&str, i32> = BTreeMap::new();
        let lived = self.end.unwrap_or(self.entries.len());
        for (entry, node) in self.entries[..lived]
            .iter()
            .filter_map(|entry| Some((*entry, entry.node.as_deref()?)))
        {
            if !known.is_empty() && !known.contains(node) {
                found.push(Violation::UnknownNode {
                    run: self.run.id,
                    node: node.to_owned(),
                    seq: entry.seq,
                });
            }
            match ended.get(node) {
                Some(first) => found.push(self.second(entry, node, *first)),
                None if is_end(entry) => drop(ended.insert(node, entry.seq)),
                None => {}
            }
        }
    }

    /// What was quarantined rests until somebody decides. What comes after the run's end is told as such.
    pub(super) fn quarantines(&self, found: &mut Vec<Violation>) {
        let mut resting: BTreeMap<&str, i32> = BTreeMap::new();
        let lived = self.end.unwrap_or(self.entries.len());
        for (entry, node) in self.entries[..lived]
            .iter()
            .filter_map(|entry| Some((*entry, entry.node.as_deref()?)))
        {
            let (run, seq) = (self.run.id, entry.seq);
            match (resting.remove(node), entry.kind.as_str()) {
                (None, "node_released") => found.push(Violation::ReleasedFromNothing {
                    run,
                    node: node.to_owned(),
                    seq,
                }),
                (Some(quarantined), kind) if !RESOLVES.contains(&kind) => found.push(Violation::ActedInQuarantine {
                    run,
                    node: node.to_owned(),
                    quarantined,
                    seq,
                    kind: kind.to_owned(),
                }),
                _ => {}
            }
            if entry.kind == "node_quarantined" {
                resting.insert(node, seq);
            }
        }
    }

    /// Whether the last that is written about some node is that it was quarantined: then its run may rest.
    pub(super) fn rests(&self) -> bool {
        let last: BTreeMap<&str, &str> = self
            .entries()
            .filter_map(|entry| Some((entry.node.as_deref()?, entry.kind.as_str())))
            .collect();
        last.values().any(|kind| *kind == "node_quarantined")
    }

    fn second(&self, entry: &Entry, node: &str, first: i32) -> Violation {
        let (run, node, seq) = (self.run.id, node.to_owned(), entry.seq);
        if is_end(entry) {
            return Violation::EndedTwice { run, node, first, seq };
        }
        Violation::AfterNodeEnd {
            run,
            node,
            end: first,
            seq,
            kind: entry.kind.clone(),
        }
    }
}

fn is_end(entry: &Entry) -> bool {
    ENDS.contains(&entry.kind.as_str())
}
