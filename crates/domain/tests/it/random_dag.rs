//! Random pipelines, with random results of their attempts.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::simulation::{Case, Scripted};

/// What random pipelines may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flavour {
    /// Joins that go on with the first branch: what they see depends on which one was first.
    pub(crate) any_joins: bool,
    /// Expressions that read the outputs of other nodes, and edges that break.
    pub(crate) reads: bool,
}

/// All that there is.
pub(crate) const EVERYTHING: Flavour = Flavour {
    any_joins: true,
    reads: true,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Root,
    Condition,
    Transform,
    Parallel,
    JoinAll,
    JoinAny,
    Delay,
    Action,
}

#[derive(Debug, Clone)]
struct Draft {
    kind: Kind,
    /// Where its edges come from, and which `when` they carry.
    before: Vec<(Index, u8)>,
    reads: Index,
    pick: u8,
    continues: bool,
    attempts: u32,
    results: Vec<Scripted>,
}

/// Cases of 1 to 40 nodes whose edges all lead forward.
pub(crate) fn cases(flavour: Flavour) -> impl Strategy<Value = Case> {
    let drafts = prop::collection::vec(draft(), 0..40);
    (any::<bool>(), drafts).prop_map(move |(triggered, drafts)| case(flavour, triggered, &drafts))
}

fn draft() -> impl Strategy<Value = Draft> {
    let kind = prop_oneof![
        1 => Just(Kind::Root),
        4 => Just(Kind::Condition),
        2 => Just(Kind::Transform),
        2 => Just(Kind::Parallel),
        2 => Just(Kind::JoinAll),
        3 => Just(Kind::JoinAny),
        2 => Just(Kind::Delay),
        8 => Just(Kind::Action),
    ];
    let before = prop::collection::vec((any::<Index>(), any::<u8>()), 1..4);
    let results = prop::collection::vec(scripted(), 1..4);
    let rest = (
        any::<Index>(),
        any::<u8>(),
        prop::bool::weighted(0.7),
        1_u32..4,
        results,
    );
    (kind, before, rest).prop_map(|(kind, before, (reads, pick, continues, attempts, results))| Draft {
        kind,
        before,
        reads,
        pick,
        continues,
        attempts,
        results,
    })
}

fn scripted() -> impl Strategy<Value = Scripted> {
    prop_oneof![
        9 => (0..3).prop_map(|output| Scripted::Output(json!(output))),
        2 => Just(Scripted::Transient),
        1 => (0_u64..4000).prop_map(|wait| Scripted::Busy(Duration::from_millis(wait))),
        1 => Just(Scripted::Permanent),
        1 => Just(Scripted::TimedOut),
    ]
}

fn case(flavour: Flavour, triggered: bool, drafts: &[Draft]) -> Case {
    let root = if triggered { "trigger" } else { "parallel" };
    let mut nodes = vec![json!({"id": "n0", "type": root})];
    let mut edges = Vec::new();
    let mut ancestors = vec![BTreeSet::new()];
    for (index, draft) in (1..).zip(drafts) {
        let from = |(before, when): &(Index, u8)| (before.index(index), *when);
        let mut before: Vec<_> = draft
            .before
            .iter()
            .map(from)
            .filter(|_| draft.kind != Kind::Root)
            .collect();
        before.sort_unstable();
        before.dedup_by_key(|(from, _)| *from);
        let upstream: BTreeSet<_> = before
            .iter()
            .flat_map(|(from, _)| ancestors[*from].iter().copied().chain([*from]))
            .collect();
        let read = upstream.iter().nth(draft.reads.index(upstream.len().max(1))).copied();
        nodes.push(node(index, draft, root, read.filter(|_| flavour.reads), flavour));
        for (from, pick) in before {
            let when = when(&nodes[from], pick, flavour);
            edges.push(json!({"from": nodes[from]["id"], "to": nodes[index]["id"], "when": when}));
        }
        ancestors.push(upstream);
    }
    let input = json!({"yes": true, "no": false, "number": 1, "pause": "2s"});
    let case = Case::new(json!({"nodes": nodes, "edges": edges}), input);
    let scripts = (1..)
        .zip(drafts)
        .map(|(index, draft)| (format!("n{index}"), draft.results.clone()));
    scripts.fold(case, |case, (node, results)| case.script(&node, results))
}

fn node(index: usize, draft: &Draft, root: &str, read: Option<usize>, flavour: Flavour) -> Value {
    let read = read.map(|read| format!("nodes.n{read}.output"));
    let any = if flavour.any_joins { "any" } else { "all" };
    let (kind, config) = match draft.kind {
        Kind::Root => (root, json!({})),
        Kind::Parallel => ("parallel", json!({})),
        Kind::JoinAll => ("join", json!({"mode": "all"})),
        Kind::JoinAny => ("join", json!({"mode": any})),
        Kind::Condition => ("condition", json!({"expression": decision(draft.pick, read)})),
        Kind::Transform => ("transform", json!({"output": data(draft.pick, read)})),
        Kind::Delay => ("delay", json!({"duration": pause(draft.pick)})),
        Kind::Action => ("action", json!({"action": "work", "seen": data(draft.pick, read)})),
    };
    let mut node = json!({"id": format!("n{index}"), "type": kind, "config": config});
    if draft.continues && kind != "trigger" {
        node["on_error"] = json!("continue");
    }
    if draft.kind == Kind::Action {
        let jitter = if draft.pick.is_multiple_of(2) { "none" } else { "full" };
        node["retry"] = json!({"max_attempts": draft.attempts, "initial": "300ms", "max": "2s", "jitter": jitter});
    }
    node
}

fn decision(pick: u8, read: Option<String>) -> String {
    match (pick % 24, read) {
        (0..10, Some(read)) => format!("{read} == 1"),
        (0..14, _) => "input.yes".to_owned(),
        (14..22, _) => "input.no".to_owned(),
        (22, _) => "input.number".to_owned(),
        _ => "input.missing".to_owned(),
    }
}

fn data(pick: u8, read: Option<String>) -> Value {
    match (pick % 24, read) {
        (0..12, Some(read)) => json!(format!("{{{{ {read} }}}}")),
        (0..23, _) => json!(pick % 3),
        _ => json!("{{ input.missing }}"),
    }
}

fn pause(pick: u8) -> &'static str {
    match pick % 16 {
        0..4 => "0s",
        4..8 => "100ms",
        8..12 => "5s",
        12..15 => "{{ input.pause }}",
        _ => "{{ input.number }}",
    }
}

fn when(from: &Value, pick: u8, flavour: Flavour) -> Value {
    if from["type"] == "condition" && pick < 200 {
        return json!(pick.is_multiple_of(2));
    }
    match pick % 16 {
        0..2 => json!("input.yes"),
        2..4 => json!("input.no"),
        4..6 if flavour.reads => json!(format!("nodes.{}.output == 1", from["id"].as_str().unwrap_or_default())),
        6 if flavour.reads => json!("input.number"),
        _ => Value::Null,
    }
}
