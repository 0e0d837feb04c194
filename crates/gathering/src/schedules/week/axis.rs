//! The days of a week as stretches of elapsed time.

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// One axis through the whole week: the same length is the same time, whatever the clocks do.
#[derive(Debug)]
pub(super) struct Axis {
    /// Seven; fewer where a zone skips a day, and at the end of the calendar.
    pub(super) days: Vec<Day>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// A day of some length.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) change: Option<Change>,
}

/// The clocks jump.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) at: Timestamp,
    /// What the clocks show before.
    pub(super) before: Time,
    /// What they show instead.
    pub(super) after: Time,
}

impl Axis {
    pub(super) fn new(zone: &TimeZone, from: Date) -> Self {
        let dates = (0..7).map_while(|days| from.checked_add(days.days()).ok());
        let days = dates.map_while(|date| Day::new(zone, date));
        let days: Vec<Day> = days.filter(|day| day.start < day.end).collect();
        Self {
            start: days.first().map_or(Timestamp::UNIX_EPOCH, |day| day.start),
            end: days.last().map_or(Timestamp::UNIX_EPOCH, |day| day.end),
            days,
        }
    }

    pub(super) fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// A sentence about each day on which the clocks jump.
    pub(super) fn notes(&self) -> Vec<String> {
        let noted = self.days.iter().filter_map(|day| {
            let (hours, jump) = day.note()?;
            Some(format!("{} has {hours} hours: {jump}.", day.date.strftime("%a %-d %b")))
        });
        noted.collect()
    }

    /// How far along the axis an instant is, where the whole of it is `length` long.
    pub(super) fn place(&self, at: Timestamp, length: i64) -> i64 {
        part(at, self.start, self.end, length)
    }
}

impl Day {
    fn new(zone: &TimeZone, date: Date) -> Option<Self> {
        // Where midnight is skipped, the first instant after it begins the day.
        let start = date.to_zoned(zone.clone()).ok()?.timestamp();
        let end = date.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp();
        Some(Self {
            date,
            start,
            end,
            change: Change::within(zone, start, end),
        })
    }

    pub(super) fn length(&self) -> SignedDuration {
        self.end.duration_since(self.start)
    }

    /// Which of `count` equal parts of the day an instant is in.
    pub(super) fn part(&self, at: Timestamp, count: usize) -> Option<usize> {
        let inside = self.start <= at && at < self.end;
        let length = i64::try_from(count).ok().filter(|_| inside)?;
        usize::try_from(part(at, self.start, self.end, length)).ok()
    }

    /// How many hours the day has, and how the clocks jump, where they do.
    pub(super) fn note(&self) -> Option<(String, String)> {
        let change = self.change.as_ref()?;
        let minutes = self.length().as_mins();
        let hours = match (minutes / 60, minutes % 60) {
            (hours, 0) => hours.to_string(),
            (hours, 30) => format!("{hours}.5"),
            (hours, rest) => format!("{hours}:{rest:02}"),
        };
        let jump = format!("{}→{}", change.before.strftime("%H:%M"), change.after.strftime("%H:%M"));
        Some((hours, jump))
    }
}

impl Change {
    /// The first one between two instants. A change of the zone's rules that moves no clock is none.
    fn within(zone: &TimeZone, start: Timestamp, end: Timestamp) -> Option<Self> {
        // Where midnight is skipped, the day begins with the change.
        let just_before = start.checked_sub(SignedDuration::from_nanos(1)).ok()?;
        let transitions = zone
            .following(just_before)
            .take(8)
            .take_while(|change| change.timestamp() < end);
        transitions.map(|change| change.timestamp()).find_map(|at| {
            let before = offset_before(zone, at)?;
            let after = zone.to_offset(at);
            (before != after).then(|| Self {
                at,
                before: before.to_datetime(at).time(),
                after: after.to_datetime(at).time(),
            })
        })
    }
}

fn offset_before(zone: &TimeZone, at: Timestamp) -> Option<Offset> {
    Some(zone.to_offset(at.checked_sub(SignedDuration::from_nanos(1)).ok()?))
}

fn part(at: Timestamp, start: Timestamp, end: Timestamp, length: i64) -> i64 {
    let whole = (end.as_millisecond() - start.as_millisecond()).max(1);
    (at.as_millisecond() - start.as_millisecond()) * length / whole
}
