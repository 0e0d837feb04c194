//! Journals that are wrong on purpose.

use gathering_testkit::history::Violation;

use super::{at, ended, entry, found, head, insert, run_id, with_epoch};

#[test]
fn a_node_without_an_end_is_lost_in_a_completed_run() {
    let found = found(|run, _| {
        run.entries[2].kind = "node_waiting".to_owned();
    });
    let (run, node) = (run_id(), "t".to_owned());
    assert_eq!(found, [Violation::LostNode { run, node }]);
}

#[test]
fn a_node_ends_once() {
    for kind in ["node_completed", "node_failed", "node_timed_out", "node_cancelled"] {
        let found = found(|run, _| insert(run, [entry(5, kind, Some("a"))]));
        let (run, node) = (run_id(), "a".to_owned());
        let expected = Violation::EndedTwice {
            run,
            node,
            first: 1,
            seq: 5,
        };
        assert_eq!(found, [expected], "{kind}");
    }
}

#[test]
fn a_node_that_ended_is_left_alone() {
    let found = found(|run, _| insert(run, [entry(5, "attempt_started", Some("b"))]));
    let expected = Violation::AfterNodeEnd {
        run: run_id(),
        node: "b".to_owned(),
        end: 4,
        seq: 5,
        kind: "attempt_started".to_owned(),
    };
    assert_eq!(found, [expected]);
}

#[test]
fn an_entry_is_about_a_node_of_the_definition() {
    let found = found(|run, _| insert(run, [entry(5, "node_completed", Some("x"))]));
    let (run, node) = (run_id(), "x".to_owned());
    assert_eq!(found, [Violation::UnknownNode { run, node, seq: 5 }]);
}

#[test]
fn a_gap_in_the_numbers_is_found_once() {
    let run = run_id();
    let gap = found(|run, _| run.entries[4].seq = 7);
    let expected = Violation::Gap {
        run,
        expected: 5,
        seq: 7,
    };
    assert_eq!(gap, [expected]);
    let late_start = found(|run, _| {
        for entry in &mut run.entries {
            entry.seq += 1;
        }
    });
    let expected = Violation::Gap {
        run,
        expected: 1,
        seq: 2,
    };
    assert_eq!(late_start, [expected]);
}

#[test]
fn a_repeated_number_is_found() {
    let found = found(|run, _| {
        run.entries[2].seq = 2;
        run.entries[3].seq = 3;
        run.entries[4].seq = 4;
    });
    let run = run_id();
    assert_eq!(found, [Violation::RepeatedSeq { run, seq: 2 }]);
}

#[test]
fn nothing_comes_after_the_end() {
    let after = |node: Option<&str>, kind: &str| Violation::AfterEnd {
        run: run_id(),
        node: node.map(str::to_owned),
        end: 5,
        seq: 6,
        kind: kind.to_owned(),
    };
    let late = found(|run, _| run.entries.push(entry(6, "node_completed", Some("b"))));
    assert_eq!(late, [after(Some("b"), "node_completed")]);
    let twice = found(|run, _| run.entries.push(ended(6, "cancelled")));
    assert_eq!(twice, [after(None, "run_ended")]);
}

#[test]
fn epochs_only_rise() {
    let found = found(|run, _| {
        head(run).epoch = 2;
        run.entries[2].epoch = 2;
        run.entries[4].epoch = 2;
    });
    let expected = Violation::EpochBackwards {
        run: run_id(),
        seq: 4,
        epoch: 1,
        before: 2,
    };
    assert_eq!(found, [expected]);
}

#[test]
fn who_was_taken_over_writes_no_more() {
    let found = found(|run, _| {
        let taken_over = with_epoch(2, entry(4, "taken_over", None));
        run.entries.truncate(3);
        let late = entry(5, "node_completed", Some("b"));
        insert(run, [entry(3, "node_completed", Some("t")), taken_over, late]);
    });
    let expected = Violation::WrittenAfterTakeOver {
        run: run_id(),
        seq: 5,
        epoch: 1,
        taken_over: 4,
        by: 2,
    };
    assert_eq!(found, [expected]);
}

#[test]
fn what_is_quarantined_and_released_is_sound_and_so_is_a_run_that_rests() {
    let quarantined = entry(1, "node_quarantined", Some("a"));
    let released = found(|run, effects| {
        run.entries = vec![
            quarantined.clone(),
            entry(2, "node_released", Some("a")),
            entry(3, "node_failed", Some("a")),
            ended(4, "failed"),
        ];
        head(run).status = "failed".to_owned();
        head(run).finished_at = Some(at(40));
        effects.truncate(1);
    });
    assert_eq!(released, []);
    let rests = |status: &str| {
        found(|run, effects| {
            run.entries = vec![quarantined.clone()];
            head(run).status = status.to_owned();
            head(run).finished_at = None;
            effects.truncate(1);
        })
    };
    assert_eq!(rests("waiting"), []);
    let (run, status) = (run_id(), Some("queued".to_owned()));
    assert_eq!(rests("queued"), [Violation::LostRun { run, status }]);
}

#[test]
fn a_node_in_quarantine_rests_until_it_is_released_which_nothing_else_is() {
    let (run, node) = (run_id(), "a".to_owned());
    let acted = found(|run, _| {
        run.entries.truncate(2);
        run.entries[0] = entry(1, "node_quarantined", Some("a"));
        let then = [
            entry(2, "attempt_started", Some("a")),
            entry(3, "node_failed", Some("a")),
        ];
        insert(run, then);
        run.entries[3].data = serde_json::json!({"status": "failed"});
        head(run).status = "failed".to_owned();
    });
    let expected = Violation::ActedInQuarantine {
        run,
        node: node.clone(),
        quarantined: 1,
        seq: 2,
        kind: "attempt_started".to_owned(),
    };
    assert!(acted.contains(&expected), "{acted:?}");
    let released = found(|run, _| {
        run.entries[0] = entry(1, "node_released", Some("a"));
        run.entries[1] = entry(2, "node_skipped", Some("s"));
    });
    assert!(
        released.contains(&Violation::ReleasedFromNothing { run, node, seq: 1 }),
        "{released:?}"
    );
}
