//! What clients were told.

use gathering_domain::RunId;
use gathering_testkit::history::{Told, Violation, check};

use super::{run_id, sound};

fn other_run() -> RunId {
    "01900000-0000-7000-8000-000000000002".parse().unwrap()
}

fn found(told: impl IntoIterator<Item = Told>) -> Vec<Violation> {
    let mut history = sound();
    history.tell(told);
    check(&history)
}

fn started(run: RunId) -> Told {
    Told::Started {
        key: "k".to_owned(),
        run,
    }
}

fn ended(status: &str) -> Told {
    Told::Ended {
        run: run_id(),
        status: status.to_owned(),
    }
}

#[test]
fn what_is_true_may_be_told_again_and_again() {
    assert_eq!(
        found([
            started(run_id()),
            started(run_id()),
            ended("completed"),
            ended("completed")
        ]),
        []
    );
}

#[test]
fn a_key_stands_for_one_run_and_an_accepted_run_is_there() {
    let expected = [
        Violation::LostRun {
            run: other_run(),
            status: None,
        },
        Violation::StartedTwice {
            key: "k".to_owned(),
            first: run_id(),
            then: other_run(),
        },
    ];
    assert_eq!(found([started(run_id()), started(other_run())]), expected);
}

#[test]
fn an_end_that_was_told_never_changes() {
    let expected = Violation::ToldOtherwise {
        run: run_id(),
        told: "cancelled".to_owned(),
        now: Some("completed".to_owned()),
    };
    assert_eq!(found([ended("cancelled")]), [expected]);
}
