//! Draws the week of some schedules: `cargo run -p gathering --example week > week.svg`, or with `-- text` for a terminal.

use gathering::{Week, WeekRow};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

#[expect(clippy::print_stdout, reason = "it is for the command line")]
fn main() -> Result<(), jiff::Error> {
    let week = example_week()?;
    match std::env::args().nth(1).as_deref() {
        Some("text") => print!("{}", week.to_text(120)),
        _ => print!("{}", week.to_svg()),
    }
    Ok(())
}

/// The week in which the clocks of Berlin go forward.
pub(crate) fn example_week() -> Result<Week, jiff::Error> {
    let zone = TimeZone::get("Europe/Berlin")?;
    let from = date(2026, 3, 23);
    let rows = vec![
        row("nightly report", on_days(&zone, from, 0..7, &[(3, 0)])?),
        row("backup", on_days(&zone, from, 0..7, &[(1, 0), (13, 0)])?),
        row("poll the inbox", every(&zone, from, SignedDuration::from_mins(5))?),
        row("prices, in office hours", on_days(&zone, from, 0..5, &office_hours())?),
        row("hourly digest", every(&zone, from, SignedDuration::from_hours(1))?),
        WeekRow {
            paused: true,
            ..row("clean up old files", on_days(&zone, from, 0..7, &[(22, 30)])?)
        },
        row(
            "heartbeat of the warehouse",
            every(&zone, from, SignedDuration::from_mins(1))?,
        ),
        row("weekly invoice", on_days(&zone, from, 4..5, &[(17, 0)])?),
        row("New Year's greetings", Vec::new()),
    ];
    Ok(Week { zone, from, rows })
}

fn row(name: &str, mut times: Vec<Timestamp>) -> WeekRow {
    let more = times.len() > Week::MAX_TIMES;
    times.truncate(Week::MAX_TIMES);
    WeekRow {
        name: name.to_owned(),
        paused: false,
        times,
        more,
    }
}

fn office_hours() -> Vec<(i8, i8)> {
    let hours = (9..17).flat_map(|hour| [(hour, 0), (hour, 15), (hour, 30), (hour, 45)]);
    hours.collect()
}

fn on_days(
    zone: &TimeZone,
    from: Date,
    days: std::ops::Range<i64>,
    clocks: &[(i8, i8)],
) -> Result<Vec<Timestamp>, jiff::Error> {
    let times = days.flat_map(|day| clocks.iter().map(move |clock| (day, clock)));
    times
        .map(|(day, (hour, minute))| {
            let date = from.checked_add(day.days())?;
            Ok(date.at(*hour, *minute, 0, 0).to_zoned(zone.clone())?.timestamp())
        })
        .collect()
}

fn every(zone: &TimeZone, from: Date, pace: SignedDuration) -> Result<Vec<Timestamp>, jiff::Error> {
    let start = from.to_zoned(zone.clone())?.timestamp();
    let end = from.checked_add(7.days())?.to_zoned(zone.clone())?.timestamp();
    std::iter::successors(Some(Ok(start)), |last: &Result<Timestamp, jiff::Error>| {
        Some(last.as_ref().ok()?.checked_add(pace)).filter(|next| next.as_ref().is_ok_and(|at| *at < end))
    })
    .collect()
}
