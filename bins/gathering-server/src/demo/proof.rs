//! What the demo promises, looked up: in the run's journal, and in the endpoint's own list of who asked.

use std::time::Duration;

use super::run::{Entry, Node, Run, between};

/// What was seen, before the kill and at the end.
#[derive(Debug)]
pub(super) struct Facts {
    /// The run's id.
    pub(super) id: String,
    /// The run, and its journal, just before the kill.
    pub(super) before: Run,
    pub(super) journal_before: Vec<Entry>,
    /// The same at the end.
    pub(super) run: Run,
    pub(super) journal: Vec<Entry>,
    /// The `Idempotency-Key` of each request that the endpoint got.
    pub(super) keys: Vec<String>,
}

/// A promise, and whether it held.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) held: bool,
    pub(super) text: String,
}

/// A node at the end.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) node: &'a Node,
    /// How long after the run it began.
    pub(super) began: Option<Duration>,
    /// How often the journal says that it ended.
    pub(super) ended: usize,
    /// How many requests came under its key; nothing for nodes that send none.
    pub(super) requests: Option<usize>,
    /// Whether its request was under way when the server was killed.
    pub(super) cut_off: bool,
}

impl Facts {
    /// Every promise of the demo.
    pub(super) fn checks(&self) -> Vec<Check> {
        vec![
            self.completed(),
            self.each_once(),
            self.taken_over(),
            self.nothing_again(),
            self.at_least_once(),
        ]
    }

    /// The nodes, in the order of the definition.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.run.nodes.iter().map(|node| Row {
            node,
            began: node.started_at.and_then(|at| between(self.run.started_at?, at)),
            ended: self.ended(node),
            requests: (node.r#type == "action").then(|| self.requests(node)),
            cut_off: self.before.in_flight().any(|other| other.id == node.id),
        })
    }

    fn completed(&self) -> Check {
        let text = match &self.run.error {
            None => format!("the run {} although its server was killed", self.run.status),
            Some(error) => format!("the run {}: {error}", self.run.status),
        };
        Check {
            held: self.run.status == "completed",
            text,
        }
    }

    fn each_once(&self) -> Check {
        let with = |status: &str| self.run.nodes.iter().filter(|node| node.status == status).count();
        let (completed, skipped) = (with("completed"), with("skipped"));
        Check {
            held: completed + skipped == self.run.nodes.len()
                && self.run.nodes.iter().all(|node| self.ended(node) == 1),
            text: format!("the journal has the end of each node once: {completed} completed, {skipped} skipped"),
        }
    }

    fn taken_over(&self) -> Check {
        let after = self.journal_before.len();
        let rest = self
            .journal
            .strip_prefix(self.journal_before.as_slice())
            .unwrap_or_default();
        Check {
            held: rest.iter().any(|entry| entry.kind == "taken_over"),
            text: format!("the second process took the run over after entry {after} of its journal"),
        }
    }

    fn nothing_again(&self) -> Check {
        let mut done = self.before.nodes.iter().filter(|node| node.is_completed());
        let count = done.clone().count();
        Check {
            held: done.all(|node| node.r#type != "action" || self.requests(node) == 1),
            text: format!("the {count} nodes that were completed before the kill were not done again"),
        }
    }

    fn at_least_once(&self) -> Check {
        let actions = || self.run.nodes.iter().filter(|node| node.r#type == "action");
        let all = actions().map(|node| self.requests(node)).sum::<usize>() == self.keys.len();
        let again: Vec<_> = actions()
            .filter(|node| self.requests(node) > 1)
            .map(|node| node.id.as_str())
            .collect();
        let expected: Vec<_> = self.before.in_flight().map(|node| node.id.as_str()).collect();
        Check {
            held: all && again == expected && actions().all(|node| self.requests(node) > 0),
            text: format!("in flight, so asked twice, by the same key: {}", again.join(", ")),
        }
    }

    fn ended(&self, node: &Node) -> usize {
        let kind = format!("node_{}", node.status);
        self.journal
            .iter()
            .filter(|entry| entry.kind == kind && entry.node.as_deref() == Some(&node.id))
            .count()
    }

    fn requests(&self, node: &Node) -> usize {
        let key = format!("{}/{}", self.id, node.id);
        self.keys.iter().filter(|seen| **seen == key).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, r#type: &str, status: &str) -> Node {
        Node {
            id: id.to_owned(),
            r#type: r#type.to_owned(),
            status: status.to_owned(),
            started_at: None,
            finished_at: None,
        }
    }

    fn run(status: &str, nodes: Vec<Node>) -> Run {
        Run {
            status: status.to_owned(),
            error: None,
            started_at: None,
            nodes,
        }
    }

    fn entry(seq: i32, kind: &str, node: Option<&str>) -> Entry {
        Entry {
            seq,
            kind: kind.to_owned(),
            node: node.map(str::to_owned),
        }
    }

    /// `a` was done before the kill, `b` was in flight, `c` was skipped.
    fn good() -> Facts {
        let journal_before = vec![entry(1, "node_completed", Some("a"))];
        let rest = [
            entry(2, "taken_over", None),
            entry(3, "node_completed", Some("b")),
            entry(4, "node_skipped", Some("c")),
            entry(5, "run_ended", None),
        ];
        let nodes = |b, c| {
            vec![
                node("a", "action", "completed"),
                node("b", "action", b),
                node("c", "transform", c),
            ]
        };
        Facts {
            id: "r".to_owned(),
            before: run("running", nodes("running", "pending")),
            journal: journal_before.iter().cloned().chain(rest).collect(),
            journal_before,
            run: run("completed", nodes("completed", "skipped")),
            keys: ["r/a", "r/b", "r/b"].map(str::to_owned).to_vec(),
        }
    }

    fn broken(facts: &Facts) -> Vec<usize> {
        let checks = facts.checks().into_iter().enumerate();
        checks
            .filter(|(_, check)| !check.held)
            .map(|(index, _)| index)
            .collect()
    }

    #[test]
    fn a_run_that_went_on_holds_every_promise() {
        assert_eq!(broken(&good()), Vec::<usize>::new());
    }

    #[test]
    fn a_node_completed_twice_is_noticed() {
        let mut facts = good();
        facts.journal.push(entry(6, "node_completed", Some("b")));
        assert_eq!(broken(&facts), [1]);
    }

    #[test]
    fn a_journal_that_was_not_continued_is_noticed() {
        let mut facts = good();
        facts.journal.remove(0);
        assert_eq!(broken(&facts), [1, 2]);
    }

    #[test]
    fn a_request_that_was_sent_again_without_need_is_noticed() {
        let mut facts = good();
        facts.keys.push("r/a".to_owned());
        assert_eq!(broken(&facts), [3, 4]);
    }

    #[test]
    fn a_request_under_another_key_is_noticed() {
        let mut facts = good();
        facts.keys[2] = "r/b-again".to_owned();
        assert_eq!(broken(&facts), [4]);
    }
}
