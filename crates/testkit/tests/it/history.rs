//! The history checker, on histories that are right, and on some that are wrong on purpose.

mod effects;
mod heads;
mod journals;
mod told;

use gathering_domain::RunId;
use gathering_testkit::history::{Effect, Entry, Head, History, Node, Origin, RunHistory, Violation, check};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A moment after everything began.
fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn run_id() -> RunId {
    "01900000-0000-7000-8000-000000000001".parse().unwrap()
}

/// Written at second `10 * seq`, under epoch 1.
fn entry(seq: i32, kind: &str, node: Option<&str>) -> Entry {
    Entry {
        seq,
        epoch: 1,
        at: at(i64::from(seq) * 10),
        kind: kind.to_owned(),
        node: node.map(str::to_owned),
        data: Value::Null,
    }
}

fn ended(seq: i32, status: &str) -> Entry {
    Entry {
        data: json!({"status": status}),
        ..entry(seq, "run_ended", None)
    }
}

/// What came for a node at a second.
fn effect(node: &str, second: i64) -> Effect {
    let origin = Origin {
        run: run_id(),
        node: node.to_owned(),
    };
    Effect {
        what: "POST /hook".to_owned(),
        key: Some(origin.key()),
        origin: None,
        at: Some(at(second)),
    }
}

fn known_origin(effect: Effect) -> Effect {
    let origin = effect.key.as_deref().and_then(Origin::of_key);
    Effect { origin, ..effect }
}

/// `a`, then `t`, which only thinks, then `b`; and `s`, which is skipped. `a` and `b` send.
fn nodes() -> Vec<Node> {
    let definition = json!({
        "nodes": [
            {"id": "a", "type": "action", "config": {"action": "call_api", "url": "http://receiver/hook"}},
            {"id": "t", "type": "transform", "config": {"output": {}}},
            {"id": "b", "type": "action", "config": {"action": "send_notification", "url": "{{ input.hook }}"}},
            {"id": "s", "type": "action", "config": {"action": "call_api", "url": "http://elsewhere/"}}],
        "edges": [{"from": "a", "to": "t"}, {"from": "t", "to": "b"}, {"from": "a", "to": "s", "when": "false"}]});
    Node::all_of(&definition, Some("http://receiver"))
}

/// A run with nothing wrong, to be spoilt: it ends with entry 5, at second 50.
fn sound() -> History {
    let entries = vec![
        entry(1, "node_completed", Some("a")),
        entry(2, "node_skipped", Some("s")),
        entry(3, "node_completed", Some("t")),
        entry(4, "node_completed", Some("b")),
        ended(5, "completed"),
    ];
    History {
        runs: vec![RunHistory {
            id: run_id(),
            head: Some(Head {
                status: "completed".to_owned(),
                epoch: 1,
                started_at: Some(at(1)),
                finished_at: Some(at(50)),
            }),
            entries,
            nodes: nodes().into(),
        }],
        effects: vec![effect("a", 5), effect("b", 35)],
        told: Vec::new(),
    }
}

/// What the checker finds once the sound history is spoilt.
fn found(spoil: impl FnOnce(&mut RunHistory, &mut Vec<Effect>)) -> Vec<Violation> {
    let mut history = sound();
    spoil(&mut history.runs[0], &mut history.effects);
    check(&history)
}

fn head(run: &mut RunHistory) -> &mut Head {
    run.head.as_mut().unwrap()
}

/// Puts entries between what is there and the end, which moves.
fn insert(run: &mut RunHistory, entries: impl IntoIterator<Item = Entry>) {
    run.entries.pop();
    run.entries.extend(entries);
    let seq = i32::try_from(run.entries.len()).unwrap() + 1;
    run.entries.push(Entry {
        epoch: run.entries.iter().map(|entry| entry.epoch).max().unwrap(),
        ..ended(seq, "completed")
    });
    head(run).finished_at = Some(at(i64::from(seq) * 10));
    head(run).epoch = 9;
}

fn with_epoch(epoch: i32, entry: Entry) -> Entry {
    Entry { epoch, ..entry }
}

#[test]
fn in_a_sound_history_nothing_is_found() {
    assert_eq!(check(&sound()), []);
    assert_eq!(check(&History::default()), []);
    sound().assert_sound();
}

#[test]
fn what_a_crash_may_leave_is_sound() {
    let crashed = found(|run, effects| {
        // Taken over while `b` was under way, which is then sent again under the same key; `t` is thought again, later.
        run.entries.truncate(2);
        run.entries.push(ended(3, "completed"));
        let since = [
            with_epoch(2, entry(3, "taken_over", None)),
            with_epoch(2, entry(4, "node_completed", Some("t"))),
            with_epoch(2, entry(5, "attempt_started", Some("b"))),
            with_epoch(2, entry(6, "attempt_failed", Some("b"))),
            with_epoch(3, entry(7, "node_completed", Some("b"))),
        ];
        insert(run, since);
        effects.extend([known_origin(effect("b", 36)), effect("b", 65)]);
    });
    assert_eq!(crashed, []);
}

#[test]
fn a_cancelled_run_is_sound_whatever_its_nodes_had_come_to() {
    let cancelled = found(|run, effects| {
        run.entries.truncate(1);
        run.entries.push(with_epoch(2, ended(2, "cancelled")));
        *head(run) = Head {
            status: "cancelled".to_owned(),
            epoch: 2,
            started_at: Some(at(1)),
            finished_at: Some(at(20)),
        };
        effects.retain(|effect| effect.key.as_deref().unwrap().ends_with("/a"));
    });
    assert_eq!(cancelled, []);
}

#[test]
fn a_run_does_not_end_before_it_starts_although_the_clock_says_so() {
    let skewed = found(|run, _| {
        head(run).started_at = Some(at(70));
        head(run).finished_at = Some(at(70));
    });
    assert_eq!(skewed, []);
}

#[test]
fn each_sentence_names_run_node_and_entry() {
    let run = run_id();
    let twice = found(|run, _| insert(run, [entry(5, "node_failed", Some("a"))]));
    assert_eq!(
        twice[0].to_string(),
        format!("node a of run {run} ended in entry 1, and again in entry 5")
    );
    let unwritten = found(|run, _| drop(run.entries.pop()));
    assert_eq!(
        unwritten[0].to_string(),
        format!("the head of run {run} says completed, but its journal has no end")
    );
}
