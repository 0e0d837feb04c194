//! What `cargo xtask verify schedules` goes by: it notices what is lost, doubled, from nowhere, or told otherwise than it was.

#[path = "../../../benches/schedules/judge.rs"]
mod judge;

use jiff::{SignedDuration, Timestamp};

use judge::{Call, DueTimes, Fired, by_due_time, each, received, recorded, without_missed};

const SCHEDULE: &str = "s";
const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn at(number: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + number).unwrap()
}

/// Due at 0, 1 and 2.
fn due() -> DueTimes {
    [(SCHEDULE.to_owned(), each(at(0), SECOND, 3))].into()
}

fn call(number: i64, firing: &str) -> Call {
    Call {
        schedule: SCHEDULE.to_owned(),
        due: at(number),
        firing: firing.to_owned(),
        key: format!("{firing}/action"),
        at: at(number),
    }
}

fn all() -> Vec<Call> {
    vec![call(0, "a"), call(1, "b"), call(2, "c")]
}

fn row(number: i64, id: &str, status: &str) -> Fired {
    Fired {
        schedule: SCHEDULE.to_owned(),
        due: at(number),
        id: id.to_owned(),
        status: status.to_owned(),
        missed: None,
    }
}

fn rows() -> Vec<Fired> {
    vec![
        row(0, "a", "succeeded"),
        row(1, "b", "succeeded"),
        row(2, "c", "succeeded"),
    ]
}

fn missed(since: i64, last: i64, count: u64) -> Fired {
    Fired {
        missed: Some((at(since), count)),
        ..row(last, "m", "missed")
    }
}

/// What the receiver's log is found guilty of.
fn of_calls(calls: &[Call]) -> String {
    received(&by_due_time(calls), &due()).join("\n")
}

/// What the database is found guilty of.
fn of_rows(rows: &[Fired]) -> String {
    recorded(rows, &due(), &by_due_time(&all())).join("\n")
}

#[test]
fn each_due_time_once_is_right_however_often_a_request_is_repeated() {
    let mut calls = all();
    calls.push(call(1, "b"));
    assert_eq!((of_calls(&calls), of_rows(&rows())), (String::new(), String::new()));
}

#[test]
fn what_the_receiver_did_not_get_got_twice_or_got_from_nowhere_is_told() {
    assert!(of_calls(&all()[1..]).starts_with("lost"));
    let with = |more: Call| of_calls(&[all(), vec![more]].concat());
    assert!(with(call(1, "another")).starts_with("twice"));
    assert!(with(call(3, "d")).starts_with("from nowhere"));
    let foreign = Call {
        key: "c/action".to_owned(),
        ..call(0, "a")
    };
    let calls = [foreign, call(1, "b"), call(2, "c")];
    assert!(of_calls(&calls).contains("of another firing"));
}

#[test]
fn a_row_that_is_not_there_has_not_succeeded_or_is_another_is_told() {
    assert!(of_rows(&rows()[..2]).contains("has no firing"));
    for status in ["failed", "started", "skipped", "cancelled", "buffered"] {
        let rows = [rows(), vec![row(0, "a", status)]].concat();
        assert!(of_rows(&rows).contains(status));
    }
    let mut others = rows();
    others[0].id = "z".to_owned();
    assert!(of_rows(&others).contains("another firing"));
    others.push(row(3, "d", "succeeded"));
    assert!(of_rows(&others).contains("when it was not due"));
}

#[test]
fn missed_due_times_are_taken_out_once_and_have_to_be_as_many_as_told() {
    let left = |rows: &[Fired]| {
        let mut due = due();
        let wrong = without_missed(rows, &mut due);
        (wrong.len(), due[SCHEDULE].len())
    };
    assert_eq!(left(&[missed(0, 1, 2)]), (0, 1));
    assert_eq!(left(&[missed(0, 1, 3)]), (1, 1));
    assert_eq!(left(&[missed(0, 0, 1), missed(0, 1, 2)]), (1, 1));
    assert_eq!(left(&[missed(2, 3, 2)]), (1, 2));
}
