//! Days on which a schedule is not due.

use std::time::Duration;

use gathering_domain::schedule::times::{
    CronTimes, Dst, ExclusionProblem, Exclusions, MAX_EXCLUSIONS, Series, Times, zone,
};
use jiff::civil::date;

use super::{at, written};

fn owned(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

fn exclusions(entries: &[&str], zone_name: &str) -> Exclusions {
    Exclusions::parse(&owned(entries), &zone(zone_name).expect("a zone")).expect("days")
}

/// The first due times of a pattern after a time, without these days.
fn due(pattern: &str, excluded: &[&str], zone_name: &str, (after, count): (&str, usize)) -> Vec<String> {
    let times = CronTimes::parse(pattern, zone_name, Dst::default()).expect("a pattern");
    let series = Series::new(Times::Cron(times), None, None, exclusions(excluded, zone_name));
    let first = series.next(at(after, zone_name));
    std::iter::successors(first, |due| series.next(*due))
        .take(count)
        .map(|due| written(due, zone_name))
        .collect()
}

#[test]
fn a_day_a_day_of_each_year_days_and_weekdays_are_excluded() {
    let expected = [
        "2026-12-24T09:00+01:00",
        "2026-12-28T09:00+01:00",
        "2026-12-31T09:00+01:00",
        "2027-01-04T09:00+01:00",
    ];
    let excluded = ["2026-12-25", "01-01", "2026-12-29/2026-12-30", "sat", "Sunday"];
    assert_eq!(
        due("0 9 * * *", &excluded, "Europe/Berlin", ("2026-12-23T12:00:00", 4)),
        expected
    );
}

#[test]
fn both_ends_of_days_are_excluded() {
    let expected = ["2026-12-23T09:00+00:00", "2027-01-03T09:00+00:00"];
    assert_eq!(
        due(
            "0 9 * * *",
            &["2026-12-24/2027-01-02"],
            "UTC",
            ("2026-12-22T12:00:00", 2)
        ),
        expected
    );
}

#[test]
fn the_days_are_those_of_the_zone() {
    // In UTC the last due time of the 24th falls on the 24th at 14:00 of Tokyo's 24th.
    let expected = ["2026-12-24T23:00+09:00", "2026-12-26T00:00+09:00"];
    assert_eq!(
        due("0 * * * *", &["2026-12-25"], "Asia/Tokyo", ("2026-12-24T22:30:00", 2)),
        expected
    );
}

#[test]
fn a_rate_leaves_out_days_and_keeps_its_beat() {
    let every = Duration::from_hours(5);
    let anchor = at("2026-01-01T00:00:00", "UTC");
    let series = Series::new(
        Times::FixedRate { anchor, every },
        None,
        None,
        exclusions(&["2026-01-02"], "UTC"),
    );
    let first = series.next(at("2026-01-01T19:00:00", "UTC"));
    let due: Vec<String> = std::iter::successors(first, |due| series.next(*due))
        .take(2)
        .map(|due| written(due, "UTC"))
        .collect();
    assert_eq!(due, ["2026-01-01T20:00+00:00", "2026-01-03T02:00+00:00"]);
}

#[test]
fn the_29th_of_february_is_excluded_where_a_year_has_it() {
    let expected = [
        "2027-02-28T00:00+00:00",
        "2028-02-28T00:00+00:00",
        "2028-03-01T00:00+00:00",
    ];
    assert_eq!(
        due(
            "0 0 28,29,1 2,3 *",
            &["02-29", "03-02"],
            "UTC",
            ("2027-02-27T12:00:00", 4)
        )[..1],
        expected[..1]
    );
    assert_eq!(
        due("0 0 28,29,1 2,3 *", &["02-29"], "UTC", ("2028-02-27T12:00:00", 2)),
        expected[1..]
    );
}

#[test]
fn a_day_that_begins_after_a_gap_ends_the_excluded_one() {
    // The fourth of November 2018 began at 01:00.
    let expected = ["2018-11-04T01:00-02:00"];
    assert_eq!(
        due(
            "*/10 * * * *",
            &["2018-11-03"],
            "America/Sao_Paulo",
            ("2018-11-03T05:00:00", 1)
        ),
        expected
    );
}

#[test]
fn a_day_that_comes_again_after_its_midnight_is_excluded_again() {
    // On 2010-11-07 at 00:01 the clocks of St. John's went back to 23:01 of the sixth.
    let both = Dst {
        fold: gathering_domain::schedule::times::Fold::Both,
        ..Dst::default()
    };
    let times = CronTimes::parse("0,30 * * * *", "America/St_Johns", both).expect("a pattern");
    let series = Series::new(
        Times::Cron(times),
        None,
        None,
        exclusions(&["2010-11-06"], "America/St_Johns"),
    );
    let first = series.next(at("2010-11-06T12:00:00", "America/St_Johns"));
    let due: Vec<String> = std::iter::successors(first, |due| series.next(*due))
        .take(3)
        .map(|due| written(due, "America/St_Johns"))
        .collect();
    assert_eq!(
        due,
        [
            "2010-11-07T00:00-02:30",
            "2010-11-07T00:00-03:30",
            "2010-11-07T00:30-03:30"
        ]
    );
}

#[test]
fn a_schedule_whose_every_day_is_excluded_is_never_due() {
    let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let none: [String; 0] = [];
    for (pattern, excluded) in [
        ("* * * * * *", &week[..]),
        ("* * * * * *", &["0001-01-01/9999-12-31"]),
        ("0 0 29 2 *", &["02-29"]),
        ("0 0 * * SAT", &["sat"]),
    ] {
        assert_eq!(
            due(pattern, excluded, "Europe/Berlin", ("2026-01-01T00:00:00", 1)),
            none,
            "{pattern}"
        );
    }
    let every = Duration::from_hours(7 * 24);
    let anchor = at("2026-01-03T00:00:00", "UTC");
    let series = Series::new(
        Times::FixedRate { anchor, every },
        None,
        None,
        exclusions(&["sat"], "UTC"),
    );
    assert_eq!(series.next(anchor), None);
}

#[test]
fn a_free_day_is_found_also_behind_many_that_are_not() {
    // Only a 29th of February that is a Monday is left.
    let mut excluded: Vec<String> = (1..=12)
        .flat_map(|month| (1..=31).map(move |day| format!("{month:02}-{day:02}")))
        .filter(|day| day != "02-29" && date_exists(day))
        .collect();
    excluded.extend(owned(&["tue", "wed", "thu", "fri", "sat", "sun"]));
    let excluded: Vec<&str> = excluded.iter().map(String::as_str).collect();
    let expected = ["2044-02-29T12:00+00:00", "2072-02-29T12:00+00:00"];
    assert_eq!(
        due("0 12 * * *", &excluded, "UTC", ("2026-01-01T00:00:00", 2)),
        expected
    );
}

fn date_exists(day: &str) -> bool {
    format!("2000-{day}").parse::<jiff::civil::Date>().is_ok()
}

#[test]
fn what_is_no_day_is_told_with_its_place_and_all_at_once() {
    let entries = owned(&[
        "2026-12-25",
        "2026-02-30",
        "25.12.2026",
        "13-01",
        "sat",
        "sa",
        "2027-01-02/2026-12-24",
        "",
        "2026-12-24/",
        "12-24/12-26",
        "2026-1-1",
    ]);
    let problems = Exclusions::parse(&entries, &zone("UTC").expect("UTC")).expect_err("wrong days");
    let said: Vec<String> = problems
        .iter()
        .map(|(place, problem)| format!("{place}: {problem}"))
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn entries_are_bounded() {
    let entries = vec!["sat".to_owned(); MAX_EXCLUSIONS];
    assert!(Exclusions::parse(&entries, &zone("UTC").expect("UTC")).is_ok());
    let entries = vec!["sat".to_owned(); MAX_EXCLUSIONS + 1];
    let problems = Exclusions::parse(&entries, &zone("UTC").expect("UTC")).expect_err("too many");
    assert_eq!(problems, [(MAX_EXCLUSIONS, ExclusionProblem::TooMany)]);
}

#[test]
fn no_days_are_excluded_by_default() {
    assert!(Exclusions::default().is_empty());
    let some = exclusions(&["sat", "2026-12-25/2026-12-26", "12-26/12-26"][..2], "UTC");
    assert!(!some.is_empty());
    for (day, excluded) in [
        (date(2026, 12, 24), false),
        (date(2026, 12, 25), true),
        (date(2026, 1, 3), true),
    ] {
        assert_eq!(some.contains(day), excluded, "{day}");
    }
}
