//! The nodes of a run as its definition and its journal have them: which may act, and after what.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, NoStart, Node, RunHistory};

/// A run, by the ids of its nodes.
pub(super) struct Graph<'a> {
    run: &'a RunHistory,
    nodes: BTreeMap<&'a str, &'a Node>,
    completed: BTreeMap<&'a str, &'a Entry>,
    skipped: BTreeMap<&'a str, &'a Entry>,
}

impl<'a> Graph<'a> {
    pub(super) fn of(run: &'a RunHistory) -> Self {
        let of_kind = |kind: &str| {
            let mut firsts: BTreeMap<&str, &Entry> = BTreeMap::new();
            for entry in run.entries.iter().filter(|entry| entry.kind == kind) {
                let Some(node) = entry.node.as_deref() else { continue };
                let first = firsts.entry(node).or_insert(entry);
                if entry.seq < first.seq {
                    *first = entry;
                }
            }
            firsts
        };
        Self {
            run,
            nodes: run.nodes.iter().map(|node| (node.id.as_str(), node)).collect(),
            completed: of_kind("node_completed"),
            skipped: of_kind("node_skipped"),
        }
    }

    /// Why a node cannot have acted; where head or nodes are not known, they say nothing against it.
    pub(super) fn no_start(&self, node: &str) -> Option<NoStart> {
        match self.nodes.get(node) {
            None if !self.nodes.is_empty() => Some(NoStart::UnknownNode),
            Some(definition) if definition.kind != "action" => Some(NoStart::NotAnAction),
            _ if self.run.head.as_ref().is_some_and(|head| head.started_at.is_none()) => Some(NoStart::NeverClaimed),
            _ => self.skipped.get(node).map(|entry| NoStart::Skipped(entry.seq)),
        }
    }

    /// The completions of the nearest actions before a node.
    ///
    /// Nodes without effects are looked through: what they decide may be decided again after a crash, later and to the same end. A join of
    /// mode `any` waits for one of several, and which one is not known here.
    pub(super) fn inputs(&self, node: &str) -> Vec<&'a Entry> {
        let mut inputs = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = self.before(node).collect();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            match self.nodes.get(id) {
                Some(node) if node.kind == "action" => inputs.extend(self.completed.get(id)),
                Some(node) if node.joins_any => {}
                _ => open.extend(self.before(id)),
            }
        }
        inputs
    }

    fn before(&self, node: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let node = self.nodes.get(node).copied();
        node.into_iter().flat_map(|node| node.after.iter().map(String::as_str))
    }
}
