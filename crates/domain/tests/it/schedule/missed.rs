//! What was due while nobody looked.

use std::time::Duration;

use gathering_domain::schedule::times::{Before, CronTimes, Dst, Exclusions, MAX_COUNTED, Missed, Series, Times, zone};
use jiff::{SignedDuration, Timestamp};

use super::at;

fn cron(pattern: &str) -> Series {
    let times = CronTimes::parse(pattern, "Europe/Berlin", Dst::default()).expect("a pattern");
    Series::new(Times::Cron(times), None, None, Exclusions::default())
}

fn each_second() -> Series {
    let every = Duration::from_secs(1);
    let anchor = now() - SignedDuration::from_hours(24 * 365 * 10);
    Series::new(Times::FixedRate { anchor, every }, None, None, Exclusions::default())
}

fn now() -> Timestamp {
    at("2026-01-01T00:00:00", "Europe/Berlin")
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

#[test]
fn nothing_was_missed_where_nothing_was_due() {
    let daily = cron("0 12 * * *");
    assert_eq!(daily.missed(now() - seconds(3600), now(), 5), Missed::default());
    assert_eq!(daily.missed(now(), now(), 5), Missed::default());
    assert_eq!(daily.missed(now(), now() - seconds(999_999), 5), Missed::default());
}

#[test]
fn the_end_is_inclusive_and_the_beginning_is_not() {
    let missed = each_second().missed(now() - seconds(2), now(), 5);
    assert_eq!(missed.times, [now() - seconds(1), now()]);
    assert_eq!(missed.before, None);
}

#[test]
fn what_came_before_the_last_ones_is_told_together() {
    let missed = each_second().missed(now() - seconds(10), now(), 3);
    assert_eq!(missed.times, [now() - seconds(2), now() - seconds(1), now()]);
    let before = Before {
        first: now() - seconds(9),
        last: now() - seconds(3),
        count: Some(7),
    };
    assert_eq!(missed.before, Some(before));
}

#[test]
fn nothing_need_be_kept() {
    let missed = each_second().missed(now() - seconds(10), now(), 0);
    assert_eq!(missed.times, []);
    assert_eq!(missed.before.and_then(|before| before.count), Some(10));
}

#[test]
fn so_many_are_counted_and_no_more() {
    let most = i64::try_from(MAX_COUNTED).expect("fits");
    for (keep, missed, count) in [
        (0, most, Some(10_000)),
        (0, most + 1, None),
        (7, most + 7, Some(10_000)),
        (7, most + 8, None),
    ] {
        let told = each_second().missed(now() - seconds(missed), now(), keep);
        let before = told.before.expect("some before");
        assert_eq!(told.times.len(), keep);
        assert_eq!(before.count, count, "{keep} of {missed}");
        assert_eq!(before.first, now() - seconds(missed - 1));
        assert_eq!(before.last, now() - seconds(i64::try_from(keep).expect("fits")));
    }
}

#[test]
fn years_of_seconds_are_told_by_their_ends() {
    for series in [each_second(), cron("* * * * * *")] {
        let missed = series.missed(now() - seconds(86_400 * 3650), now(), 100);
        let expected: Vec<Timestamp> = (0..100).rev().map(|ago| now() - seconds(ago)).collect();
        assert_eq!(missed.times, expected);
        let before = Before {
            first: now() - seconds(86_400 * 3650 - 1),
            last: now() - seconds(100),
            count: None,
        };
        assert_eq!(missed.before, Some(before));
    }
}

#[test]
fn the_last_ones_are_found_also_where_they_came_in_bursts_long_ago() {
    // Each second of one day of each year.
    let missed = cron("* * * 4 7 *").missed(at("2020-01-01T00:00:00", "Europe/Berlin"), now(), 2);
    let end = at("2025-07-05T00:00:00", "Europe/Berlin");
    assert_eq!(missed.times, [end - seconds(2), end - seconds(1)]);
    let before = missed.before.expect("some before");
    assert_eq!(before.first, at("2020-07-04T00:00:00", "Europe/Berlin"));
    assert_eq!((before.last, before.count), (end - seconds(3), None));
}

#[test]
fn excluded_days_were_not_missed() {
    let times = CronTimes::parse("* * * * * *", "UTC", Dst::default()).expect("a pattern");
    let excluded = ["2025-12-31".to_owned(), "thu".to_owned()];
    let excluded = Exclusions::parse(&excluded, &zone("UTC").expect("UTC")).expect("days");
    let series = Series::new(Times::Cron(times), None, None, excluded);
    let missed = series.missed(at("2025-01-01T00:00:00", "UTC"), at("2026-01-01T12:00:00", "UTC"), 1);
    assert_eq!(missed.times, [at("2025-12-30T23:59:59", "UTC")]);
}

#[test]
fn more_is_not_kept_than_is_counted() {
    let missed = each_second().missed(now() - seconds(30_000), now(), usize::MAX);
    assert_eq!(missed.times.len(), MAX_COUNTED);
    assert_eq!(missed.before.and_then(|before| before.count), None);
}
