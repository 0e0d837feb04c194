//! What each policy makes of clocks that are put forward and back, as one table.

use gathering_domain::schedule::times::{CronTimes, Dst, Fold, Gap, zone};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::at;

/// A change of clocks: the zone, a time on the day of it, and the patterns that are tried.
struct Change {
    zone: &'static str,
    day: &'static str,
    patterns: [&'static str; 7],
}

/// A single value, a list, a range, a step, a step within an hour, seconds, and everything.
const AT_2: [&str; 7] = [
    "30 2 * * *",
    "0 2,3 * * *",
    "0 1-4 * * *",
    "*/30 * * * *",
    "*/20 2 * * *",
    "20,40 59 2 * * *",
    "0 * * * *",
];
const AT_1: [&str; 7] = [
    "30 1 * * *",
    "45 1,2 * * *",
    "0 1-4 * * *",
    "*/30 * * * *",
    "*/20 1-2 * * *",
    "20,40 59 1 * * *",
    "0 * * * *",
];
const AT_MIDNIGHT: [&str; 7] = [
    "@daily",
    "0 0,23 * * *",
    "30 22-23,0-1 * * *",
    "*/30 * * * *",
    "*/20 0,23 * * *",
    "20,40 59 0,23 * * *",
    "0 * * * *",
];

const CHANGES: [Change; 10] = [
    Change::new("Europe/Berlin", "2026-03-29T00:00:00", AT_2),
    Change::new("Europe/Berlin", "2026-10-25T00:00:00", AT_2),
    Change::new("America/New_York", "2026-03-08T00:00:00", AT_2),
    Change::new("America/New_York", "2026-11-01T00:00:00", AT_1),
    Change::new("Australia/Lord_Howe", "2026-10-04T00:00:00", AT_2),
    Change::new("Australia/Lord_Howe", "2026-04-05T00:00:00", AT_1),
    Change::new("America/Sao_Paulo", "2018-11-03T12:00:00", AT_MIDNIGHT),
    Change::new("America/Sao_Paulo", "2018-02-17T12:00:00", AT_MIDNIGHT),
    Change::new("Antarctica/Troll", "2026-03-29T00:00:00", AT_2),
    Change::new("Antarctica/Troll", "2026-10-25T00:00:00", AT_1),
];

impl Change {
    const fn new(zone: &'static str, day: &'static str, patterns: [&'static str; 7]) -> Self {
        Self { zone, day, patterns }
    }

    fn table(&self) -> String {
        let zone = zone(self.zone).expect("a zone");
        let change = zone.following(at(self.day, self.zone)).next().expect("a change");
        let (moment, shown) = (change.timestamp(), change.timestamp() - SignedDuration::from_secs(1));
        let forward = change.offset() > zone.to_offset(shown);
        let mut table = format!(
            "== {}, {}: after {} comes {}\n",
            self.zone,
            if forward { "forward" } else { "back" },
            shown.to_zoned(zone.clone()).strftime("%F %T%:z"),
            moment.to_zoned(zone.clone()).strftime("%T%:z"),
        );
        for pattern in self.patterns {
            for (place, (name, dst)) in policies(forward).into_iter().enumerate() {
                let first = if place == 0 { pattern } else { "" };
                let cells = due_around(pattern, self.zone, dst, moment);
                let line = format!("{first:<19} {name:<7} {}", cells.join(" "));
                table.push_str(&[line.trim_end(), "\n"].concat());
            }
        }
        table
    }
}

/// Those that can make a difference; that the others make none is asserted apart.
fn policies(forward: bool) -> Vec<(&'static str, Dst)> {
    if forward {
        let named = [("skip", Gap::Skip), ("shift", Gap::Shift)];
        let fold = Fold::First;
        named.map(|(name, gap)| (name, Dst { gap, fold })).to_vec()
    } else {
        let named = [("first", Fold::First), ("second", Fold::Second), ("both", Fold::Both)];
        let gap = Gap::Skip;
        named.map(|(name, fold)| (name, Dst { gap, fold })).to_vec()
    }
}

/// From two hours and a half before the change to as long after it.
fn due_around(pattern: &str, zone_name: &str, dst: Dst, change: Timestamp) -> Vec<String> {
    let times = CronTimes::parse(pattern, zone_name, dst).expect("a pattern");
    let zone = times.zone().clone();
    let around = SignedDuration::from_mins(150);
    let first = times.next(change - around);
    std::iter::successors(first, |due| times.next(*due))
        .take_while(|due| *due <= change + around)
        .map(|due| cell(due, &zone))
        .collect()
}

/// As `02:30+1`.
fn cell(due: Timestamp, zone: &TimeZone) -> String {
    let due = due.to_zoned(zone.clone());
    let time = due.strftime(if due.second() == 0 { "%H:%M" } else { "%T" }).to_string();
    let offset = due.strftime("%:z").to_string();
    let (sign, rest) = offset.split_at(1);
    let hours = rest.trim_end_matches(":00").trim_start_matches('0');
    [time.as_str(), sign, if hours.is_empty() { "0" } else { hours }].concat()
}

#[test]
fn each_policy_in_each_zone_in_both_directions() {
    let tables: Vec<String> = CHANGES.iter().map(Change::table).collect();
    insta::assert_snapshot!(tables.join("\n"));
}

#[test]
fn the_policy_of_the_other_direction_makes_no_difference() {
    for change in &CHANGES {
        let zone = zone(change.zone).expect("a zone");
        let moment = zone.following(at(change.day, change.zone)).next().expect("a change");
        let forward = moment.offset() > zone.to_offset(moment.timestamp() - SignedDuration::from_secs(1));
        for pattern in change.patterns {
            for (_, dst) in policies(forward) {
                let expected = due_around(pattern, change.zone, dst, moment.timestamp());
                for other in others(forward, dst) {
                    assert_eq!(due_around(pattern, change.zone, other, moment.timestamp()), expected);
                }
            }
        }
    }
}

fn others(forward: bool, dst: Dst) -> Vec<Dst> {
    if forward {
        [Fold::Second, Fold::Both].map(|fold| Dst { fold, ..dst }).to_vec()
    } else {
        vec![Dst { gap: Gap::Shift, ..dst }]
    }
}

#[test]
fn what_the_gap_leaves_out_comes_once_with_what_is_due_there_anyway() {
    // 02:00, 02:30 and 03:00 are one.
    let cells = due_around(
        "*/30 2,3 * * *",
        "Europe/Berlin",
        Dst::default(),
        at("2026-03-29T03:00:00", "Europe/Berlin"),
    );
    assert_eq!(cells, ["03:00+2", "03:30+2"]);
}

#[test]
fn a_pattern_that_only_the_gap_has_is_never_due_where_gaps_are_skipped() {
    let pattern = "30 2 * 3 +SUN#L";
    let now = at("2026-01-01T00:00:00", "Europe/Berlin");
    let times = |gap| CronTimes::parse(pattern, "Europe/Berlin", Dst { gap, fold: Fold::Both }).expect("a pattern");
    assert_eq!(times(Gap::Skip).next(now), None);
    assert!(times(Gap::Skip).check_fires(now).is_err());
    assert_eq!(
        times(Gap::Shift).next(now),
        Some(at("2026-03-29T03:00:00", "Europe/Berlin"))
    );
}

#[test]
fn the_second_time_is_found_also_where_it_is_the_last_of_all() {
    let second = Dst {
        gap: Gap::Skip,
        fold: Fold::Second,
    };
    let due = super::due_in(
        "Europe/Berlin",
        second,
        "0 30 2 25 10 * 2026",
        ("2026-10-01T00:00:00", 5),
    );
    assert_eq!(due, ["2026-10-25T02:30+01:00"]);
}
