//! Heads that are wrong on purpose, or are not there.

use gathering_domain::RunId;
use gathering_testkit::history::{Violation, check};

use super::{at, found, head, run_id, sound};

#[test]
fn a_run_that_never_ended_is_lost() {
    let found = found(|run, _| {
        run.entries.pop();
        head(run).status = "running".to_owned();
        head(run).finished_at = None;
    });
    let run = run_id();
    let status = Some("running".to_owned());
    assert_eq!(found, [Violation::LostRun { run, status }]);
}

#[test]
fn an_accepted_run_without_a_row_is_lost() {
    let mut history = sound();
    let run: RunId = "01900000-0000-7000-8000-000000000002".parse().unwrap();
    history.accept([run_id(), run, run]);
    assert_eq!(check(&history), [Violation::LostRun { run, status: None }]);
}

#[test]
fn head_and_journal_say_the_same_end() {
    let disagrees = |head: &str, seq: Option<i32>| Violation::StatusDisagrees {
        run: run_id(),
        head: head.to_owned(),
        seq,
        journal: seq.map(|_| "completed".to_owned()),
    };
    let other = found(|run, _| head(run).status = "failed".to_owned());
    assert_eq!(other, [disagrees("failed", Some(5))]);
    let open = found(|run, _| {
        head(run).status = "running".to_owned();
        head(run).finished_at = None;
    });
    assert_eq!(open, [disagrees("running", Some(5))]);
    let unwritten = found(|run, _| drop(run.entries.pop()));
    assert_eq!(unwritten, [disagrees("completed", None)]);
}

#[test]
fn head_and_journal_say_the_same_time() {
    let found = found(|run, _| head(run).finished_at = Some(at(51)));
    let expected = Violation::EndTimeDisagrees {
        run: run_id(),
        seq: 5,
        head: at(51),
        journal: at(50),
    };
    assert_eq!(found, [expected]);
}

#[test]
fn nobody_writes_under_an_epoch_that_is_not_there_yet() {
    let found = found(|run, _| run.entries[4].epoch = 2);
    let expected = Violation::EpochAheadOfHead {
        run: run_id(),
        seq: 5,
        epoch: 2,
        head: 1,
    };
    assert_eq!(found, [expected]);
}
