//! What a schedule is due at in the end: its times, within its bounds, without its excluded days.

use jiff::Timestamp;

use super::Times;
use super::exclusions::{Exclusions, Skip};
use super::missed::{self, Missed};
use super::span::{NANOSECOND, Span};

/// How many times in a row may fall on excluded days before a series counts as over; no time of the same day is tried twice.
///
/// A schedule whose every day is excluded is never due, and says so after so many tries.
pub const MAX_EXCLUDED_IN_A_ROW: usize = 5_000;

/// What a schedule is due at in the end: its times, within its bounds, without its excluded days.
#[derive(Debug, Clone)]
pub struct Series {
    times: Times,
    /// Inclusive.
    start_at: Option<Timestamp>,
    /// Exclusive.
    end_at: Option<Timestamp>,
    exclude: Exclusions,
}

impl Series {
    /// The due times that are not before `start_at`, which is inclusive, and before `end_at`, which is exclusive, on days that are not excluded.
    pub fn new(times: Times, start_at: Option<Timestamp>, end_at: Option<Timestamp>, exclude: Exclusions) -> Self {
        Self {
            times,
            start_at,
            end_at,
            exclude,
        }
    }

    /// The first due time strictly after this instant; `None` if there is none any more.
    ///
    /// Bounded by [`MAX_EXCLUDED_IN_A_ROW`]: some milliseconds where all is excluded, else little more than the times themselves take.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.walk(after).next()
    }

    /// The first time after this instant that would be due, if that falls on an excluded day.
    pub fn first_excluded(&self, after: Timestamp) -> Option<Timestamp> {
        let due = self.times.next_near(self.from(after), &mut None)?;
        let ends = self.end_at.is_some_and(|end| due >= end);
        (!ends && !matches!(self.exclude.skip(due), Skip::NotExcluded)).then_some(due)
    }

    /// The due times after `after`, up to and with `until`: the last `keep` of them in full, and of those before them the first, the last and how many.
    ///
    /// It walks at most some ten thousand times, however many there were, and `keep` counts as [`MAX_COUNTED`](super::MAX_COUNTED) at most.
    pub fn missed(&self, after: Timestamp, until: Timestamp, keep: usize) -> Missed {
        missed::missed(self, after, until, keep)
    }

    /// All due times after this instant, in order.
    pub(super) fn walk(&self, after: Timestamp) -> Walk<'_> {
        Walk {
            series: self,
            after: Some(self.from(after)),
            near: None,
        }
    }

    /// Strictly after which instant its times begin, looked at from this one.
    fn from(&self, after: Timestamp) -> Timestamp {
        let start = self
            .start_at
            .map(|start| start.checked_sub(NANOSECOND).unwrap_or(start));
        start.map_or(after, |start| start.max(after))
    }
}

/// The due times of a series, in order.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    series: &'a Series,
    after: Option<Timestamp>,
    /// Where the last time was found.
    near: Option<Span>,
}

impl Iterator for Walk<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        let series = self.series;
        let mut after = self.after.take()?;
        for _ in 0..MAX_EXCLUDED_IN_A_ROW {
            let due = series.times.next_near(after, &mut self.near)?;
            if series.end_at.is_some_and(|end| due >= end) {
                return None;
            }
            after = match series.exclude.skip(due) {
                Skip::NotExcluded => {
                    self.after = Some(due);
                    return Some(due);
                }
                Skip::To(later) => later,
                Skip::Forever => return None,
            };
        }
        None
    }
}
