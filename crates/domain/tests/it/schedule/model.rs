//! What is due by definition: a pattern as sets of values, and every second looked at. Slow, and plain to see.

use std::collections::BTreeSet;

use gathering_domain::schedule::times::{Dst, Fold, Gap};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

pub(super) type Values = BTreeSet<i8>;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A day of the month, as a pattern names it.
#[derive(Debug, Clone)]
pub(super) enum MonthDay {
    Any,
    Of(Values),
    Last,
    LastWorkday,
    NearestWorkday(i8),
}

/// A day of the week, as a pattern names it; from Sunday, which is 0.
#[derive(Debug, Clone)]
pub(super) enum WeekDay {
    Any,
    Of(Values),
    Nth(i8, i8),
    Last(i8),
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) second: Values,
    pub(super) minute: Values,
    pub(super) hour: Values,
    pub(super) month_day: MonthDay,
    pub(super) month: Values,
    pub(super) week_day: WeekDay,
    /// Both days have to fit.
    pub(super) both: bool,
}

impl Model {
    pub(super) fn matches(&self, shown: DateTime) -> bool {
        self.second.contains(&shown.second())
            && self.minute.contains(&shown.minute())
            && self.hour.contains(&shown.hour())
            && self.month.contains(&shown.month())
            && self.matches_day(shown.date())
    }

    fn matches_day(&self, day: Date) -> bool {
        let month_day = match &self.month_day {
            MonthDay::Any => return self.matches_week_day(day),
            MonthDay::Of(days) => days.contains(&day.day()),
            MonthDay::Last => day == day.last_of_month(),
            MonthDay::LastWorkday => workdays(day).max() == Some(day),
            MonthDay::NearestWorkday(wanted) => nearest_workday(day, *wanted) == Some(day),
        };
        match (&self.week_day, self.both) {
            (WeekDay::Any, _) => month_day,
            (_, true) => month_day && self.matches_week_day(day),
            (_, false) => month_day || self.matches_week_day(day),
        }
    }

    fn matches_week_day(&self, day: Date) -> bool {
        let weekday = day.weekday().to_sunday_zero_offset();
        let same = month_of(day).filter(|other| other.weekday() == day.weekday());
        match &self.week_day {
            WeekDay::Any => true,
            WeekDay::Of(days) => days.contains(&weekday),
            WeekDay::Nth(wanted, nth) => {
                weekday == *wanted && same.zip(1..).any(|(other, place)| other == day && place == *nth)
            }
            WeekDay::Last(wanted) => weekday == *wanted && same.max() == Some(day),
        }
    }

    /// What is due after one instant, up to and with the other.
    pub(super) fn due(&self, zone: &TimeZone, dst: Dst, (after, until): (Timestamp, Timestamp)) -> Vec<Timestamp> {
        let first = Timestamp::from_second(after.as_second() + 1).expect("in range");
        let seconds = std::iter::successors(Some(first), |second| self.later(zone, *second));
        let due = seconds
            .take_while(|second| *second <= until)
            .filter(|second| self.is_due(*second, zone, dst));
        due.filter(|due| *due > after).collect()
    }

    /// The next second that the pattern may name, or the first of the next minute, in which clocks may change.
    fn later(&self, zone: &TimeZone, second: Timestamp) -> Option<Timestamp> {
        let shown = zone.to_datetime(second);
        let in_minute = self.second.iter().find(|named| **named > shown.second());
        let named = in_minute.filter(|_| self.minute.contains(&shown.minute()));
        let next = named.map_or(60, |named| *named);
        second
            .checked_add(SignedDuration::from_secs((next - shown.second()).into()))
            .ok()
    }

    fn is_due(&self, second: Timestamp, zone: &TimeZone, dst: Dst) -> bool {
        let (shown, before) = (zone.to_datetime(second), zone.to_datetime(second - SECOND));
        let resumed = before + SECOND;
        if dst.gap == Gap::Shift && resumed < shown && self.any_matches(resumed, shown) {
            return true;
        }
        self.matches(shown) && counts(second, shown, zone, dst.fold)
    }

    fn any_matches(&self, from: DateTime, until: DateTime) -> bool {
        let mut seconds = from.series(1.second()).take_while(|time| *time < until);
        seconds.any(|time| self.matches(time))
    }
}

/// Whether this one of the instants at which clocks show a time counts.
fn counts(second: Timestamp, shown: DateTime, zone: &TimeZone, fold: Fold) -> bool {
    let ambiguous = zone.to_ambiguous_timestamp(shown);
    if !matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. }) {
        return true;
    }
    match fold {
        Fold::First => ambiguous.earlier().expect("in range") == second,
        Fold::Second => ambiguous.later().expect("in range") == second,
        Fold::Both => true,
    }
}

fn month_of(day: Date) -> impl Iterator<Item = Date> {
    day.first_of_month()
        .series(1.day())
        .take_while(move |other| other.month() == day.month())
}

fn workdays(day: Date) -> impl Iterator<Item = Date> {
    month_of(day).filter(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday))
}

/// The nearest one of the same month: a Saturday goes back where it can, a Sunday goes on.
fn nearest_workday(day: Date, wanted: i8) -> Option<Date> {
    let wanted = month_of(day).find(|other| other.day() == wanted)?;
    let distance = |other: &Date| other.day().abs_diff(wanted.day());
    workdays(day).min_by_key(distance)
}
