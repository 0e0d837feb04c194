//! Circuit breakers: the whole table of the machine, and what it makes of nodes.

use std::sync::Arc;
use std::time::Duration;

use gathering_domain::breaker::{BreakerEvent, BreakerRules, BreakerScope, BreakerState, Counts, Probe, Threshold};
use gathering_domain::breaker::{BreakerPolicy, BreakerStatus, WhenOpen};
use gathering_domain::node_event::{Attempt, Failure, HeldBy, NodeEvent};
use gathering_domain::node_state::NodeState;
use gathering_domain::pipeline::HandlerName;
use gathering_domain::planner::{AttemptEnd, AttemptResult};
use gathering_domain::progress::Progress;
use gathering_domain::scope::{Outputs, RunFacts, Scope};
use gathering_domain::{BreakerId, InstanceId, Json, RunId};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::pipeline;

const MINE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("small")
}

fn rules() -> BreakerRules {
    BreakerRules {
        threshold: Threshold::Failures(2),
        window: Duration::from_secs(10),
        open: Duration::from_secs(30),
        multiplier: 2.0,
        max_open: Duration::from_secs(100),
    }
}

fn counted(failures: u32, successes: u32, rules: BreakerRules) -> BreakerEvent {
    BreakerEvent::Counted {
        failures,
        successes,
        rules,
    }
}

fn probe(id: Uuid, until: i64) -> Probe {
    Probe {
        id,
        by: InstanceId::from(MINE),
        until: at(until),
    }
}

fn open(until: i64, times: u32) -> BreakerState {
    BreakerState::Open {
        until: at(until),
        times,
    }
}

fn half_open(id: Uuid, until: i64) -> BreakerState {
    BreakerState::HalfOpen {
        probe: probe(id, until),
        times: 1,
    }
}

fn told(state: &BreakerState) -> String {
    match state {
        BreakerState::Closed { counts } => {
            let (failures, successes) = counts.within(Duration::from_secs(10), at(100));
            format!("closed {failures}/{}", failures + successes)
        }
        BreakerState::Open { until, times } => format!("open to {} ({times})", until.as_second()),
        BreakerState::HalfOpen { probe, .. } => {
            let whose = if probe.id == MINE { "mine" } else { "other" };
            format!("half_open {whose} to {}", probe.until.as_second())
        }
    }
}

#[test]
fn every_state_of_a_breaker_with_every_event() {
    let one_failure = BreakerState::default().after(&counted(1, 0, rules()), at(99));
    let states = [
        BreakerState::default(),
        one_failure,
        open(101, 1),
        open(100, 1),
        half_open(MINE, 101),
        half_open(OTHER, 101),
        half_open(OTHER, 100),
    ];
    let events = [
        ("one failure", counted(1, 0, rules())),
        ("two failures", counted(2, 0, rules())),
        ("a success", counted(0, 1, rules())),
        (
            "I ask",
            BreakerEvent::ProbeAsked {
                probe: probe(MINE, 110),
            },
        ),
        ("I succeed", BreakerEvent::ProbeSucceeded { id: MINE }),
        (
            "I fail",
            BreakerEvent::ProbeFailed {
                id: MINE,
                rules: rules(),
            },
        ),
        ("I give up", BreakerEvent::ProbeFreed { id: MINE }),
        ("I die", BreakerEvent::ProbeLost { id: MINE }),
        ("reset", BreakerEvent::Reset),
    ];
    let row = |first: &str, cells: Vec<String>| {
        let cells = std::iter::once(first.to_owned()).chain(cells);
        let padded: Vec<_> = cells.map(|cell| format!("{cell:23}")).collect();
        padded.join(" ").trim_end().to_owned()
    };
    let names = events.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = states.iter().map(|state| {
        let after = events.iter().map(|(_, event)| told(&state.after(event, at(100))));
        row(&told(state), after.collect())
    });
    let table: Vec<_> = std::iter::once(row("at 100", names)).chain(rows).collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn failures_count_for_as_long_as_the_window_and_not_much_longer() {
    let fail = |state: BreakerState, second| state.after(&counted(1, 0, rules()), at(second));
    let first = fail(BreakerState::default(), 0);
    assert_eq!(fail(first.clone(), 9), open(39, 1));
    let forgotten = fail(first, 10);
    assert_eq!(forgotten.status(), BreakerStatus::Closed);
    assert_eq!(fail(forgotten, 19), open(49, 1));
}

#[test]
fn a_rate_is_judged_once_there_were_enough_calls_and_only_when_one_fails() {
    let rules = BreakerRules {
        threshold: Threshold::Rate { rate: 0.5, minimum: 4 },
        ..rules()
    };
    let state = BreakerState::default().after(&counted(2, 0, rules), at(1));
    assert_eq!(state.status(), BreakerStatus::Closed, "two calls are too few");
    let state = state.after(&counted(0, 2, rules), at(2));
    assert_eq!(state.status(), BreakerStatus::Closed, "a success opens nothing");
    assert_eq!(
        state.after(&counted(1, 2, rules), at(3)).status(),
        BreakerStatus::Closed,
        "three of seven"
    );
    assert_eq!(state.after(&counted(1, 1, rules), at(3)), open(33, 1), "three of six");
}

#[test]
fn each_probe_that_fails_keeps_it_open_for_longer_up_to_a_bound() {
    let mut state = open(30, 1);
    let mut waits = Vec::new();
    for _ in 0..4 {
        let BreakerState::Open { until, .. } = state else {
            panic!("{state:?}")
        };
        let asked = state.after(
            &BreakerEvent::ProbeAsked {
                probe: Probe {
                    until,
                    ..probe(MINE, 0)
                },
            },
            until,
        );
        state = asked.after(
            &BreakerEvent::ProbeFailed {
                id: MINE,
                rules: rules(),
            },
            until,
        );
        if let BreakerState::Open { until: next, .. } = state {
            waits.push(next.duration_since(until).as_secs());
        }
    }
    assert_eq!(waits, [60, 100, 100, 100]);
}

#[test]
fn a_right_that_lapsed_is_lost_before_another_may_ask_for_it() {
    let state = half_open(OTHER, 100);
    assert_eq!((state.lapsed(at(99)), state.lapsed(at(100))), (None, Some(OTHER)));
    let ask = BreakerEvent::ProbeAsked {
        probe: probe(MINE, 110),
    };
    assert_eq!(state.after(&ask, at(100)), state);
    let lost = state.after(&BreakerEvent::ProbeLost { id: OTHER }, at(100));
    assert_eq!(lost, open(100, 1));
    assert_eq!(lost.after(&ask, at(100)), half_open(MINE, 110));
}

#[test]
fn the_longer_nodes_are_held_the_wider_their_return_is_spread_up_to_the_time_that_it_is_open() {
    let spread = |held: u64, times| rules().spread(Duration::from_secs(held), times).as_millis();
    assert_eq!(
        [0, 2, 20, 600].map(|held| spread(held, 1)),
        [500, 1_000, 10_000, 30_000]
    );
    assert_eq!([1, 2, 3].map(|times| spread(600, times)), [30_000, 60_000, 100_000]);
}

#[test]
fn counts_stay_small_however_long_the_calls_go_on() {
    let mut state = BreakerState::default();
    for second in 0..1_000 {
        state = state.after(&counted(0, 1, rules()), at(second));
    }
    let BreakerState::Closed { counts } = &state else {
        panic!("{state:?}")
    };
    assert_eq!(counts.within(Duration::from_secs(10), at(999)), (0, 10));
    let kept = serde_json::to_value(counts).expect("numbers");
    assert_eq!(kept.as_array().map(Vec::len), Some(32));
    let read: Counts = serde_json::from_value(kept).expect("as it was written");
    assert_eq!(read, *counts);
}

#[test]
fn a_node_says_what_is_counted_together_and_everything_else_has_a_default() {
    let policy = |breaker: Value| {
        let node = json!({"id": "a", "type": "action", "config": {"action": "work"}, "breaker": breaker});
        let pipeline = pipeline(&json!({"nodes": [node]}));
        let policy = pipeline.nodes[0].breaker.as_deref().cloned();
        policy.expect("it was given")
    };
    let usual = BreakerPolicy {
        scope: BreakerScope::Handler,
        rules: BreakerRules::default(),
        when_open: WhenOpen::Wait,
    };
    assert_eq!(policy(json!({})), usual);
    let given = policy(json!({"name": "payments", "rate": 0.25, "window": "10s", "open": "20m", "when_open": "fail"}));
    let threshold = Threshold::Rate {
        rate: 0.25,
        minimum: 20,
    };
    assert_eq!((given.rules.threshold, given.when_open), (threshold, WhenOpen::Fail));
    assert_eq!(
        given.rules.max_open,
        Duration::from_mins(20),
        "the longest follows the first"
    );
    let work = HandlerName::Action("work".into());
    let keys = [
        json!({"name": "p"}),
        json!({"scope": "host"}),
        json!({"scope": "handler"}),
    ]
    .map(|breaker| policy(breaker).scope.key(&work, Some("example.org:443")));
    assert_eq!(keys, ["name:p", "host:example.org:443", "handler:work"]);
    assert_eq!(BreakerScope::Host.key(&work, None), "handler:work");
    let own = HandlerName::Kind("work".into());
    assert_eq!(BreakerScope::Handler.key(&own, None), "type:work");
}

/// A run whose one action is under way for the first time.
fn started(more: &Value) -> Progress {
    let mut node = json!({"id": "a", "type": "action", "config": {"action": "work"}, "retry": {"max_attempts": 2, "initial": "1s", "jitter": "none"}});
    node.as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    let pipeline = Arc::new(pipeline(&json!({"nodes": [node]})));
    let mut progress = Progress::new(Scope {
        input: Json::null(),
        outputs: Outputs::new(1),
        run: RunFacts {
            id: RunId::from(Uuid::from_u128(7)),
        },
        pipeline,
    });
    assert_eq!(starts(&mut progress, 0), [1]);
    progress
}

/// The attempts that begin at this second.
fn starts(progress: &mut Progress, second: i64) -> Vec<u32> {
    let plan = progress.next(at(second));
    plan.starts.iter().map(|start| start.attempt.number).collect()
}

fn settle(progress: &mut Progress, number: u32, result: AttemptResult, second: i64) -> NodeEvent {
    let attempt = Attempt {
        number,
        ..Attempt::first(at(second))
    };
    let end = AttemptEnd {
        node: 0,
        attempt,
        result,
    };
    let event = progress.settle(end, at(second), 0.0);
    progress.apply(0, &event, at(second)).expect("it was under way");
    event
}

fn held(until: i64) -> AttemptResult {
    let by = HeldBy {
        id: BreakerId::from(Uuid::from_u128(9)),
        key: "name:payments".to_owned(),
    };
    AttemptResult::Held {
        until: at(until),
        spread: Duration::from_secs(9),
        by,
    }
}

#[test]
fn a_node_that_is_held_back_uses_up_no_attempt() {
    let mut progress = started(&json!({}));
    settle(&mut progress, 1, held(30), 0);
    assert_eq!(
        (progress.nodes()[0].name(), progress.nodes()[0].attempts()),
        ("waiting", 0)
    );
    assert_eq!(starts(&mut progress, 29), [0; 0]);
    assert_eq!(starts(&mut progress, 30), [1]);
    settle(&mut progress, 1, held(60), 30);
    assert_eq!(starts(&mut progress, 60), [1]);
    let failed = AttemptResult::Failed {
        error: Failure::new("away", "away"),
        transient: true,
        retry_after: None,
    };
    settle(&mut progress, 1, failed, 60);
    assert_eq!(starts(&mut progress, 61), [2]);
    settle(&mut progress, 2, held(90), 61);
    assert_eq!(progress.nodes()[0].attempts(), 1);
}

#[test]
fn a_node_goes_on_at_once_when_the_breaker_that_held_it_closes() {
    let mut progress = started(&json!({}));
    settle(&mut progress, 1, held(600), 0);
    let held_by: Vec<_> = progress.held_by().map(|by| by.key.clone()).collect();
    assert_eq!(held_by, ["name:payments"]);
    progress.ring_held(|_, by| (by.key == "name:orders").then_some(at(1)));
    assert_eq!(starts(&mut progress, 1), [0; 0]);
    progress.ring_held(|_, by| (by.key == "name:payments").then_some(at(1)));
    assert_eq!(progress.wake_at(), Some(at(1)));
    assert_eq!(starts(&mut progress, 1), [1]);
}

#[test]
fn a_node_that_does_not_wait_fails_without_another_try_and_may_go_on_all_the_same() {
    let refused = || AttemptResult::Refused {
        error: Failure::new("breaker_open", "the breaker is open"),
    };
    let mut progress = started(&json!({}));
    settle(&mut progress, 1, refused(), 0);
    let NodeState::Failed(ended, error) = &progress.nodes()[0] else {
        panic!("{:?}", progress.nodes()[0])
    };
    assert_eq!((ended.attempts, error.code.as_str()), (0, "breaker_open"));
    let mut progress = started(&json!({"on_error": "continue"}));
    settle(&mut progress, 1, refused(), 0);
    let outcome = progress.next(at(1)).outcome.expect("it is over");
    assert_eq!(outcome.name(), "completed");
}
