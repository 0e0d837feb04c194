//! Patterns, zones and days that mean no good.

use gathering_domain::schedule::times::{CronTimes, Dst, Exclusions, Fold, Gap, Series, Times, zone};
use jiff::Timestamp;
use proptest::prelude::*;

use super::at;

/// What makes up patterns, so that more than noise is tried.
const PIECES: [&str; 24] = [
    "*", " ", " ", "/", "-", ",", "0", "5", "7", "31", "59", "65535", "L", "W", "#", "+", "?", "@", "MON", "-SUN",
    "feb", "1-5", "\u{130}", "ß",
];

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES.to_vec());
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Five to seven fields of such pieces.
fn fields() -> impl Strategy<Value = String> {
    let field = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 1..4).prop_map(|pieces| pieces.concat());
    prop::collection::vec(field, 5..8).prop_map(|fields| fields.join(" "))
}

/// Nothing is asserted of what is due but that asking ends, comes after, and does not panic.
fn ask(pattern: &str, after: Timestamp) -> Result<(), TestCaseError> {
    let dst = Dst {
        gap: Gap::Shift,
        fold: Fold::Both,
    };
    match CronTimes::parse(pattern, "Europe/Berlin", dst) {
        Ok(times) => {
            let due = times.next(after);
            prop_assert!(due.is_none_or(|due| due > after));
            prop_assert_eq!(times.check_fires(after).is_ok(), due.is_some());
        }
        Err(problem) => prop_assert!(problem.to_string().len() < 1000),
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_a_pattern_or_refused(text in any::<String>(), second in any::<i32>()) {
        ask(&text, Timestamp::new(second.into(), 0).expect("in range"))?;
    }

    #[test]
    fn any_pieces_are_a_pattern_or_refused(text in pieces(), second in any::<i32>()) {
        ask(&text, Timestamp::new(second.into(), 0).expect("in range"))?;
    }

    #[test]
    fn any_fields_are_a_pattern_or_refused(text in fields(), second in any::<i32>()) {
        ask(&text, Timestamp::new(second.into(), 0).expect("in range"))?;
    }

    #[test]
    fn any_bytes_are_a_zone_or_unknown(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let name = String::from_utf8_lossy(&bytes);
        if let Err(unknown) = zone(&name) {
            prop_assert!(unknown.to_string().len() < 400);
        }
    }

    #[test]
    fn any_text_is_a_day_or_refused(text in "[0-9a-z/-]{0,21}|\\PC{0,12}", other in any::<String>()) {
        let zone = zone("UTC").expect("UTC");
        if let Err(problems) = Exclusions::parse(&[text, other], &zone) {
            prop_assert!(!problems.is_empty());
        }
    }
}

#[test]
fn patterns_that_are_never_due_are_found_out() {
    let now = at("2026-01-01T00:00:00", "Europe/Berlin");
    for pattern in [
        "0 0 30 2 *",
        "0 0 31 2,4,6,9,11 *",
        "* * * * * * 1999",
        "* * * * * * 1-2025",
        "0 0 0 30 2 * 2026-5000",
        "0 0 30W 2 *",
        "0 0 29 2 +MON#1",
        "0 0 0 29 2 * 2027,2029,2100",
        "0 0 8-31 * +MON#1",
        "0 0 0 29 2 +MON 2026-2043",
    ] {
        let times = CronTimes::parse(pattern, "Europe/Berlin", Dst::default()).expect("a pattern");
        assert_eq!(times.next(now), None, "{pattern}");
    }
}

#[test]
fn patterns_that_are_due_once_in_an_age_are_found() {
    let now = at("2026-01-01T00:00:00", "UTC");
    for (pattern, year) in [
        ("0 0 29 2 +MON", "2044"),
        ("0 0 29 2 +MON#5", "2044"),
        ("0 0 0 29 2 +THU 2100-5000", "2120"),
        ("0 0 0 1 1 * 4999", "4999"),
        ("59 59 23 31 12 * 5000", "5000"),
    ] {
        let times = CronTimes::parse(pattern, "UTC", Dst::default()).expect("a pattern");
        let due = times.next(now).map(|due| due.to_string()).unwrap_or_default();
        assert!(due.starts_with(year), "{pattern}: {due}");
    }
}

#[test]
fn no_answer_takes_more_than_is_bounded_where_everything_is_against_it() {
    // Every due time of the pattern is excluded, and there is one in each year.
    let times = CronTimes::parse("* * * 29 2 *", "Africa/Casablanca", Dst::default()).expect("a pattern");
    let zone = times.zone().clone();
    let excluded = Exclusions::parse(&["02-29".to_owned()], &zone).expect("days");
    let series = Series::new(Times::Cron(times), None, None, excluded);
    assert_eq!(series.next(at("2026-01-01T00:00:00", "UTC")), None);
}
