//! A cron pattern, matched against what clocks show.
//!
//! croner reads patterns and knows which days match. The search is ours: its own walks day by day up to the year 5000 before it gives up, and decides by itself what
//! becomes of times that clocks show twice.

use croner::parser::{CronParser, Seconds, Year};
use croner::{CronPattern, Weekday};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use super::field;
use super::problem::CronProblem;

/// The last year in which a pattern fires; croner's own.
pub const LAST_YEAR: i16 = 5_000;

/// A pattern. Hours, minutes and seconds are sets, a bit for each value.
#[derive(Debug)]
pub(super) struct Pattern {
    days: CronPattern,
    every_year: bool,
    hours: u64,
    minutes: u64,
    seconds: u64,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, CronProblem> {
        let fields = field::check(text)?;
        // croner writes down each of 5,000 years, which takes a hundred times as long as all the rest.
        let (fields, every_year) = match fields.strip_suffix(" *") {
            Some(without_year) => ([without_year, " 1"].concat(), true),
            None => (fields, false),
        };
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .build();
        let parsed = parser
            .parse(&fields)
            .map_err(|error| CronProblem::Malformed(error.to_string()))?;
        let days = parsed.pattern;
        let [hours, minutes, seconds] = [&days.hours, &days.minutes, &days.seconds].map(|field| bits(&field.values()));
        Ok(Self {
            days,
            every_year,
            hours,
            minutes,
            seconds,
        })
    }

    /// The first time, from this one on, that it matches. The time is a whole second.
    pub(super) fn first_from(&self, from: DateTime) -> Option<DateTime> {
        let today = from.date();
        if self.matches_day(today)
            && let Some(time) = self.time_from(from.time())
        {
            return Some(today.to_datetime(time));
        }
        let day = self.day_from(today.tomorrow().ok()?)?;
        Some(day.to_datetime(self.time_from(Time::midnight())?))
    }

    fn time_from(&self, from: Time) -> Option<Time> {
        let [hour, minute, second] = [from.hour(), from.minute(), from.second()];
        if let (true, true, Some(later)) = (
            has(self.hours, hour),
            has(self.minutes, minute),
            from_on(self.seconds, second),
        ) {
            return Time::new(hour, minute, later, 0).ok();
        }
        let first_second = from_on(self.seconds, 0)?;
        if let (true, Some(later)) = (has(self.hours, hour), from_on(self.minutes, minute + 1)) {
            return Time::new(hour, later, first_second, 0).ok();
        }
        let later = from_on(self.hours, hour + 1)?;
        Time::new(later, from_on(self.minutes, 0)?, first_second, 0).ok()
    }

    /// The first day, from this one on, that it matches.
    ///
    /// Which days of a year match depends on the weekday of its first of January and on whether it is a leap year, so none of a kind needs a second look.
    fn day_from(&self, from: Date) -> Option<Date> {
        let mut barren = 0;
        let first = self.day_of_year_from(from);
        first.or_else(|| {
            let later = (from.year() + 1..=LAST_YEAR).filter_map(|year| Date::new(year, 1, 1).ok());
            later.filter(|start| self.matches_year(start.year())).find_map(|start| {
                let kind = from_kind(start);
                if has(barren, kind) {
                    return None;
                }
                barren |= 1 << kind;
                self.day_of_year_from(start)
            })
        })
    }

    /// The first day of the same year, from this one on, that it matches.
    fn day_of_year_from(&self, from: Date) -> Option<Date> {
        if !self.matches_year(from.year()) {
            return None;
        }
        let months = (from.month()..=12).filter(|month| matches!(self.days.month_match(unsigned(*month)), Ok(true)));
        let mut starts = months.filter_map(|month| {
            let start = Date::new(from.year(), month, 1).ok()?;
            Some(start.max(from))
        });
        starts.find_map(|start| {
            let weekday = start.weekday().to_sunday_zero_offset();
            let matching = (start.day()..=start.days_in_month()).zip(0..).find(|(day, passed)| {
                let weekday = Weekday::from_days_from_sunday(unsigned(weekday + passed));
                self.matches_known(start, *day, weekday)
            });
            matching.and_then(|(day, _)| Date::new(start.year(), start.month(), day).ok())
        })
    }

    fn matches_year(&self, year: i16) -> bool {
        (1..=LAST_YEAR).contains(&year) && (self.every_year || matches!(self.days.year_match(year.into()), Ok(true)))
    }

    fn matches_day(&self, day: Date) -> bool {
        let weekday = Weekday::from_days_from_sunday(unsigned(day.weekday().to_sunday_zero_offset()));
        self.matches_year(day.year())
            && matches!(self.days.month_match(unsigned(day.month())), Ok(true))
            && self.matches_known(day, day.day(), weekday)
    }

    fn matches_known(&self, month: Date, day: i8, weekday: Weekday) -> bool {
        let matched = self
            .days
            .day_match(month.year().into(), unsigned(month.month()), unsigned(day), weekday);
        matches!(matched, Ok(true))
    }
}

/// The same, or the next whole second.
pub(super) fn whole_second(time: DateTime) -> Option<DateTime> {
    if time.subsec_nanosecond() == 0 {
        return Some(time);
    }
    let whole = time.with().subsec_nanosecond(0).build().ok()?;
    whole.checked_add(SignedDuration::from_secs(1)).ok()
}

/// Which of the 14 kinds of years one is, by its first of January.
fn from_kind(start: Date) -> i8 {
    start.weekday().to_sunday_zero_offset() + if start.in_leap_year() { 7 } else { 0 }
}

fn bits(values: &[u16]) -> u64 {
    values.iter().fold(0, |bits, value| bits | 1 << value)
}

fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

/// The least value of the set that is not less than this one.
fn from_on(bits: u64, value: i8) -> Option<i8> {
    let rest = bits >> value;
    let passed = i8::try_from(rest.trailing_zeros()).ok()?;
    (rest != 0).then_some(value + passed)
}

fn unsigned(value: i8) -> u32 {
    u32::from(value.unsigned_abs())
}
