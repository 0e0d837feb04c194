//! The whole tables of the two state machines, as snapshots.

use gathering_domain::node_event::{Attempt, EdgeOutcome, Failure, HeldBy, NodeEvent, SkipReason};
use gathering_domain::node_state::{Ended, NodeState, Unfinished};
use gathering_domain::run_state::{Outcome, RunEvent, RunState};
use gathering_domain::{BreakerId, InstanceId, Json};
use jiff::Timestamp;
use uuid::Uuid;

const T: Timestamp = Timestamp::UNIX_EPOCH;
const ATTEMPT: Attempt = Attempt::first(T);

fn failure() -> Failure {
    Failure::new("code", "message")
}

fn held_by() -> HeldBy {
    HeldBy {
        id: BreakerId::from(Uuid::from_u128(9)),
        key: "name:payments".to_owned(),
    }
}

fn node_states() -> Vec<NodeState> {
    let ended = Ended {
        attempts: 1,
        started_at: T,
        finished_at: T,
    };
    vec![
        NodeState::Pending,
        NodeState::Running {
            attempt: ATTEMPT,
            started_at: T,
        },
        NodeState::Retrying {
            attempt: ATTEMPT,
            started_at: T,
            wake_at: T,
            error: failure(),
        },
        NodeState::Waiting {
            started_at: T,
            wake_at: T,
        },
        NodeState::Quarantined {
            attempt: ATTEMPT,
            started_at: T,
            error: failure(),
        },
        NodeState::Held {
            attempt: ATTEMPT,
            started_at: T,
            since: T,
            wake_at: T,
            by: held_by(),
        },
        NodeState::Completed(ended),
        NodeState::Failed(ended, failure()),
        NodeState::TimedOut(ended, failure()),
        NodeState::Skipped {
            reason: SkipReason::NotTaken,
            at: T,
        },
        NodeState::Cancelled {
            at: T,
            until_then: Unfinished::default(),
        },
    ]
}

fn node_events() -> Vec<NodeEvent> {
    vec![
        NodeEvent::AttemptStarted { attempt: ATTEMPT },
        NodeEvent::AttemptFailed {
            attempt: ATTEMPT,
            error: failure(),
            retry_at: T,
        },
        NodeEvent::WaitStarted { until: T },
        NodeEvent::Held {
            attempt: ATTEMPT,
            until: T,
            by: held_by(),
        },
        NodeEvent::Completed {
            attempt: ATTEMPT,
            output: Json::null(),
            edges: EdgeOutcome::default(),
        },
        NodeEvent::Failed {
            attempt: ATTEMPT,
            error: failure(),
            continues: None,
        },
        NodeEvent::TimedOut {
            attempt: ATTEMPT,
            error: failure(),
            continues: None,
        },
        NodeEvent::Quarantined {
            attempt: ATTEMPT,
            error: failure(),
        },
        NodeEvent::Released,
        NodeEvent::Skipped {
            reason: SkipReason::NotTaken,
        },
        NodeEvent::Cancelled,
    ]
}

fn outcomes() -> Vec<Outcome> {
    vec![
        Outcome::Completed { output: Json::null() },
        Outcome::Failed { error: failure() },
        Outcome::Cancelled { error: failure() },
        Outcome::TimedOut { error: failure() },
    ]
}

fn run_states() -> Vec<RunState> {
    let open = [
        RunState::Queued,
        RunState::Running { owner: instance(1) },
        RunState::Waiting { wake_at: Some(T) },
    ];
    let ended = outcomes().into_iter().map(|outcome| RunState::Ended { outcome, at: T });
    open.into_iter().chain(ended).collect()
}

fn run_events() -> Vec<RunEvent> {
    let open = [
        RunEvent::Claimed { by: instance(2) },
        RunEvent::Released { wake_at: Some(T) },
        RunEvent::HandedBack,
    ];
    open.into_iter()
        .chain(outcomes().into_iter().map(RunEvent::Ended))
        .collect()
}

fn instance(number: u128) -> InstanceId {
    InstanceId::from(Uuid::from_u128(number))
}

/// One row per state, one column per event; `-` where the event is refused.
fn table(events: &[&str], rows: &[(&str, Vec<Option<&str>>)]) -> String {
    let line = |first: &str, cells: Vec<&str>| {
        let cells = cells
            .iter()
            .zip(events)
            .map(|(cell, event)| format!("{cell:width$}", width = event.len().max(9)));
        format!("{first:10} {}", cells.collect::<Vec<_>>().join(" "))
            .trim_end()
            .to_owned()
    };
    let rows = rows
        .iter()
        .map(|(state, cells)| line(state, cells.iter().map(|cell| cell.unwrap_or("-")).collect()));
    std::iter::once(line("", events.to_vec()))
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_state_of_a_node_with_every_event() {
    let events = node_events();
    let names: Vec<_> = events.iter().map(NodeEvent::name).collect();
    let states = node_states();
    let row = |state: &NodeState| {
        events
            .iter()
            .map(|event| state.after(event, T).ok().map(|after| after.name()))
            .collect()
    };
    let rows: Vec<_> = states.iter().map(|state| (state.name(), row(state))).collect();
    insta::assert_snapshot!(table(&names, &rows));
}

#[test]
fn every_state_of_a_run_with_every_event() {
    let events = run_events();
    let names: Vec<_> = events.iter().map(RunEvent::name).collect();
    let states = run_states();
    let row = |state: &RunState| {
        events
            .iter()
            .map(|event| state.after(event, T).ok().map(|after| after.name()))
            .collect()
    };
    let rows: Vec<_> = states.iter().map(|state| (state.name(), row(state))).collect();
    insta::assert_snapshot!(table(&names, &rows));
}

#[test]
fn a_final_state_takes_no_event_and_says_so() {
    for state in node_states().into_iter().filter(NodeState::is_terminal) {
        for event in node_events() {
            let refused = state.after(&event, T).expect_err("final");
            let told = format!("a node that is {} cannot take the event {}", state.name(), event.name());
            assert_eq!(refused.to_string(), told);
        }
    }
    for state in run_states()
        .into_iter()
        .filter(|state| matches!(state, RunState::Ended { .. }))
    {
        for event in run_events() {
            let refused = state.after(&event, T).expect_err("final");
            assert_eq!(
                refused.to_string(),
                format!("a run that is {} cannot be {}", state.name(), event.name())
            );
        }
    }
}

#[test]
fn a_node_keeps_the_start_of_its_first_attempt_and_counts_to_the_last() {
    let at = |second| Timestamp::from_second(second).expect("small");
    let first = Attempt::first(at(1));
    let failed = NodeEvent::AttemptFailed {
        attempt: first,
        error: failure(),
        retry_at: at(5),
    };
    let completed = NodeEvent::Completed {
        attempt: first.next(at(5)),
        output: Json::null(),
        edges: EdgeOutcome::default(),
    };
    let state = NodeState::Pending
        .after(&failed, at(2))
        .and_then(|state| state.after(&completed, at(6)));
    let ended = Ended {
        attempts: 2,
        started_at: at(1),
        finished_at: at(6),
    };
    assert_eq!(state, Ok(NodeState::Completed(ended)));
}
