//! When schedules are due.

mod dst;
mod exclusions;
mod hostile;
mod missed;
mod model;
mod never;
mod properties;
mod refusals;
mod specification;
mod specification_days;
mod times;
mod zones;

use gathering_domain::schedule::times::{CronTimes, Dst, zone};
use jiff::Timestamp;
use jiff::civil::DateTime;

/// The instant at which the clocks of a zone show this time; the first one where they show it twice.
fn at(text: &str, zone_name: &str) -> Timestamp {
    let shown: DateTime = text.parse().expect("a time");
    let zone = zone(zone_name).expect("a zone");
    shown.to_zoned(zone).expect("in range").timestamp()
}

/// As `2026-03-29T03:00+02:00`, with seconds where there are any.
fn written(due: Timestamp, zone_name: &str) -> String {
    let due = due.to_zoned(zone(zone_name).expect("a zone"));
    let seconds = if due.second() == 0 { "" } else { ":%S" };
    due.strftime(&["%Y-%m-%dT%H:%M", seconds, "%:z"].concat()).to_string()
}

/// The first so many due times after this time.
fn due_in(zone_name: &str, dst: Dst, pattern: &str, (after, count): (&str, usize)) -> Vec<String> {
    let times = CronTimes::parse(pattern, zone_name, dst).expect("a pattern");
    let first = times.next(at(after, zone_name));
    std::iter::successors(first, |due| times.next(*due))
        .take(count)
        .map(|due| written(due, zone_name))
        .collect()
}

/// The same in UTC, without the offset.
fn due(pattern: &str, after: &str, count: usize) -> Vec<String> {
    let due = due_in("UTC", Dst::default(), pattern, (after, count));
    due.iter()
        .map(|due| due.trim_end_matches("+00:00").to_owned())
        .collect()
}

/// The same, of what is due at midnight: the days alone.
fn days(pattern: &str, after: &str, count: usize) -> Vec<String> {
    let due = due(pattern, after, count);
    due.iter()
        .map(|due| due.strip_suffix("T00:00").expect("midnight").to_owned())
        .collect()
}
