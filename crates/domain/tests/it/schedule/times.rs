//! Rates, single times, and the bounds of a series.

use std::time::Duration;

use gathering_domain::schedule::times::{CronTimes, Dst, Exclusions, Series, Times};
use jiff::Timestamp;

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn rate(anchor: &str, every: Duration) -> Times {
    let anchor = instant(anchor);
    Times::FixedRate { anchor, every }
}

fn series(times: Times, start: Option<&str>, end: Option<&str>) -> Series {
    Series::new(times, start.map(instant), end.map(instant), Exclusions::default())
}

#[test]
fn a_rate_counts_from_its_anchor() {
    let times = rate("2026-01-01T00:00:00.5Z", Duration::from_mins(10));
    let next = |after| times.next(instant(after)).map(|due| due.to_string());
    assert_eq!(next("2020-01-01T00:00:00Z").as_deref(), Some("2026-01-01T00:00:00.5Z"));
    assert_eq!(
        next("2026-01-01T00:00:00.5Z").as_deref(),
        Some("2026-01-01T00:10:00.5Z")
    );
    assert_eq!(
        next("2026-01-01T00:10:00.4Z").as_deref(),
        Some("2026-01-01T00:10:00.5Z")
    );
    assert_eq!(next("2126-01-01T00:00:00Z").as_deref(), Some("2126-01-01T00:00:00.5Z"));
}

#[test]
fn a_rate_ends_with_time_itself() {
    let times = rate("2026-01-01T00:00:00Z", Duration::MAX);
    assert_eq!(times.next(instant("2026-01-01T00:00:00Z")), None);
    let often = rate("2026-01-01T00:00:00Z", Duration::ZERO);
    assert_eq!(often.next(Timestamp::MAX), None);
    assert_eq!(often.next(Timestamp::MIN), Some(instant("2026-01-01T00:00:00Z")));
}

#[test]
fn once_is_due_once() {
    let times = Times::Once(instant("2026-01-01T00:00:00Z"));
    let due = Some(instant("2026-01-01T00:00:00Z"));
    assert_eq!(times.next(instant("2025-12-31T23:59:59.999999999Z")), due);
    assert_eq!(times.next(instant("2026-01-01T00:00:00Z")), None);
}

#[test]
fn a_series_starts_with_its_start_and_ends_before_its_end() {
    let hourly = rate("2026-01-01T00:00:00Z", Duration::from_hours(1));
    let series = series(hourly, Some("2026-01-01T05:00:00Z"), Some("2026-01-01T07:00:00Z"));
    let first = series.next(instant("2026-01-01T00:00:00Z"));
    let due: Vec<String> = std::iter::successors(first, |due| series.next(*due))
        .map(|due| due.to_string())
        .collect();
    assert_eq!(due, ["2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z"]);
}

#[test]
fn a_series_that_ends_before_it_starts_is_never_due() {
    let hourly = rate("2026-01-01T00:00:00Z", Duration::from_hours(1));
    let series = series(hourly, Some("2026-01-02T00:00:00Z"), Some("2026-01-01T00:00:00Z"));
    assert_eq!(series.next(Timestamp::MIN), None);
}

#[test]
fn a_series_is_the_same_at_the_ends_of_time() {
    let cron = CronTimes::parse("* * * * *", "Europe/Berlin", Dst::default()).expect("a pattern");
    let series = series(Times::Cron(cron), None, None);
    assert_eq!(series.next(Timestamp::MAX), None);
    assert_eq!(series.next(instant("5000-12-31T23:00:00Z")), None);
    assert!(series.next(Timestamp::MIN).is_some());
}
