//! Days on which a schedule is not due.

use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::span::NANOSECOND;

/// The most entries of a list of exclusions.
pub const MAX_EXCLUSIONS: usize = 400;

/// The Gregorian calendar repeats itself after 400 years, weekdays included.
const DAYS_OF_400_YEARS: usize = 146_097;

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("sunday", Weekday::Sunday),
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
];

/// Days on which a schedule is not due, on the calendar of its zone.
#[derive(Debug, Clone)]
pub struct Exclusions {
    zone: TimeZone,
    /// Both inclusive, in order, apart from each other.
    ranges: Vec<(Date, Date)>,
    /// For each month, a bit for each day.
    each_year: [u32; 12],
    /// A bit for each, from Sunday.
    weekdays: u8,
}

/// Why an entry of a list of exclusions cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExclusionProblem {
    /// It is nothing of what is understood.
    #[error(
        "`{0}` is no day; write `2026-12-25`, `12-25` for each year, `2026-12-24/2027-01-02` for these days and all between, or a weekday as `sat` or \
         `saturday`"
    )]
    Malformed(String),
    /// It looks like a date, and the calendar has none such.
    #[error("the calendar has no day `{0}`")]
    NoSuchDay(String),
    /// The second day comes before the first.
    #[error("`{0}` ends before it begins; both days count, the first one comes first")]
    Backwards(String),
    /// There are more than [`MAX_EXCLUSIONS`] of them; told of the first one too many.
    #[error(
        "there are more than {MAX_EXCLUSIONS} entries; days that follow each other can be one, as `2026-12-24/2027-01-02`"
    )]
    TooMany,
}

impl Default for Exclusions {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            ranges: Vec::new(),
            each_year: [0; 12],
            weekdays: 0,
        }
    }
}

impl Exclusions {
    /// Reads `2026-12-25`, `12-25` (each year), `2026-12-24/2027-01-02` (both inclusive), `sat` or `saturday`; all that is wrong is told at once, with the place in the
    /// list.
    ///
    /// `02-29` is that day where a year has it, and no other day where it has not.
    pub fn parse(entries: &[String], zone: &TimeZone) -> Result<Self, Vec<(usize, ExclusionProblem)>> {
        if entries.len() > MAX_EXCLUSIONS {
            return Err(vec![(MAX_EXCLUSIONS, ExclusionProblem::TooMany)]);
        }
        let mut exclusions = Self {
            zone: zone.clone(),
            ..Self::default()
        };
        let mut problems = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            if let Err(problem) = exclusions.add(entry.trim()) {
                problems.push((place, problem));
            }
        }
        exclusions.ranges = merged(exclusions.ranges);
        if problems.is_empty() {
            Ok(exclusions)
        } else {
            Err(problems)
        }
    }

    /// Whether nothing is excluded.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.weekdays == 0 && self.each_year == [0; 12]
    }

    /// Whether this day is excluded.
    pub fn contains(&self, day: Date) -> bool {
        self.range_of(day).is_some() || self.recurs(day)
    }

    /// Whether this instant is on an excluded day, and from where to go on if it is.
    pub(super) fn skip(&self, at: Timestamp) -> Skip {
        if self.is_empty() {
            return Skip::NotExcluded;
        }
        let day = self.zone.to_datetime(at).date();
        if !self.contains(day) {
            return Skip::NotExcluded;
        }
        self.free_from(day)
            .map_or(Skip::Forever, |day| Skip::To(self.just_before(day, at)))
    }

    /// This instant, or the first one of the next day that is not excluded; `None` if there is none.
    pub fn first_allowed(&self, at: Timestamp) -> Option<Timestamp> {
        match self.skip(at) {
            Skip::NotExcluded => Some(at),
            // A midnight that comes twice may need a second step.
            Skip::To(later) => later.checked_add(NANOSECOND).ok().filter(|later| *later > at),
            Skip::Forever => None,
        }
    }

    fn add(&mut self, entry: &str) -> Result<(), ExclusionProblem> {
        let malformed = || ExclusionProblem::Malformed(entry.chars().take(40).collect());
        if let Some(weekday) = weekday(entry) {
            self.weekdays |= 1 << weekday.to_sunday_zero_offset();
            return Ok(());
        }
        if let Some((first, last)) = entry.split_once('/') {
            let (first, last) = (date(first, malformed)?, date(last, malformed)?);
            if last < first {
                return Err(ExclusionProblem::Backwards(entry.to_owned()));
            }
            self.ranges.push((first, last));
            return Ok(());
        }
        // Of a year that has all days.
        if let Some([month, day]) = numbers(entry, [2, 2]) {
            let day = in_calendar(2000, month, day, entry)?;
            self.each_year[place(day)] |= 1 << day.day();
            return Ok(());
        }
        let day = date(entry, malformed)?;
        self.ranges.push((day, day));
        Ok(())
    }

    fn recurs(&self, day: Date) -> bool {
        let on_weekday = self.weekdays >> day.weekday().to_sunday_zero_offset() & 1 == 1;
        on_weekday || self.each_year[place(day)] >> day.day() & 1 == 1
    }

    fn range_of(&self, day: Date) -> Option<(Date, Date)> {
        let after = self.ranges.partition_point(|(first, _)| *first <= day);
        let range = *self.ranges.get(after.checked_sub(1)?)?;
        (day <= range.1).then_some(range)
    }

    /// The first day from this one on that is not excluded; `None` if there is none.
    fn free_from(&self, mut day: Date) -> Option<Date> {
        // What recurs is looked at for 400 years at most, for each range that it leads to: more than that is forever.
        let mut steps = 0;
        while steps < DAYS_OF_400_YEARS {
            if let Some((_, last)) = self.range_of(day) {
                day = last.tomorrow().ok()?;
            } else if self.recurs(day) {
                day = day.tomorrow().ok()?;
                steps += 1;
            } else {
                return Some(day);
            }
        }
        None
    }

    /// The last instant before a day, if that is after `at`, and else `at`.
    fn just_before(&self, day: Date, at: Timestamp) -> Timestamp {
        let start = self.zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0));
        let starts = match start.offset() {
            // Where midnight is left out the day begins with the first moment after the gap.
            AmbiguousOffset::Gap { .. } => {
                let before = start.earlier().ok();
                before.and_then(|before| self.zone.following(before).next().map(|change| [change.timestamp(); 2]))
            }
            // Where it comes twice, the day ends once more after the first.
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => start
                .earlier()
                .ok()
                .zip(start.later().ok())
                .map(|(earlier, later)| [earlier, later]),
        };
        let next = starts.into_iter().flatten().find(|start| *start > at);
        next.and_then(|start| start.checked_sub(NANOSECOND).ok()).unwrap_or(at)
    }
}

/// What exclusions say of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    NotExcluded,
    /// Go on after this instant, the last one before the next day that is free; never before the one that was asked about.
    To(Timestamp),
    /// No day after it is free.
    Forever,
}

fn weekday(name: &str) -> Option<Weekday> {
    let name = name.to_ascii_lowercase();
    let named = |known: &str| known == name || known[..3] == name;
    WEEKDAYS.iter().find(|(known, _)| named(known)).map(|(_, day)| *day)
}

fn date(text: &str, malformed: impl Fn() -> ExclusionProblem) -> Result<Date, ExclusionProblem> {
    let [year, month, day] = numbers(text, [4, 2, 2]).ok_or_else(malformed)?;
    in_calendar(year, month, day, text)
}

fn in_calendar(year: i16, month: i16, day: i16, text: &str) -> Result<Date, ExclusionProblem> {
    let [month, day] = [month, day].map(|number| i8::try_from(number).unwrap_or_default());
    Date::new(year, month, day).map_err(|_no_such_day| ExclusionProblem::NoSuchDay(text.to_owned()))
}

/// Numbers of so many digits each, parted by `-`.
fn numbers<const N: usize>(text: &str, digits: [usize; N]) -> Option<[i16; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split('-');
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// In order, and those that overlap or touch as one.
fn merged(mut ranges: Vec<(Date, Date)>) -> Vec<(Date, Date)> {
    ranges.sort_unstable();
    let mut merged: Vec<(Date, Date)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1.day()) => before.1 = before.1.max(last),
            Some(_) | None => merged.push((first, last)),
        }
    }
    merged
}

fn place(day: Date) -> usize {
    usize::from(day.month().unsigned_abs()) - 1
}
