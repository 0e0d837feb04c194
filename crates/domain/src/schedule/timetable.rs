//! The rules of a schedule, ready to be asked.

use std::time::Duration;

use jiff::Timestamp;

use super::policy::{Misfire, Overlap};
use super::rules::Rules;
use super::times::{Exclusions, Missed, Series};
use crate::ScheduleId;

/// When a schedule comes again.
#[derive(Debug, Clone)]
pub enum Recurrence {
    /// At times that are known beforehand.
    Series(Series),
    /// So long after the end of the last firing.
    FixedDelay {
        /// The first due time.
        first: Timestamp,
        /// From the end of one firing to the next due time.
        every: Duration,
        /// Nothing is due from then on.
        end_at: Option<Timestamp>,
        /// Days on which nothing is due.
        exclusions: Exclusions,
    },
}

/// What is asked again and again: made of [`Rules`] once.
#[derive(Debug, Clone)]
pub struct Timetable {
    pub(super) recurrence: Recurrence,
    pub(super) misfire: Misfire,
    pub(super) overlap: Overlap,
    jitter: Duration,
    end_at: Option<Timestamp>,
    pub(super) max_firings: Option<u64>,
    pub(super) pause_after_failures: Option<u32>,
}

impl Timetable {
    pub(super) fn new(rules: &Rules, recurrence: Recurrence) -> Self {
        Self {
            recurrence,
            misfire: rules.misfire,
            overlap: rules.overlap,
            jitter: rules.jitter,
            end_at: rules.end_at,
            max_firings: rules.max_firings,
            pause_after_failures: rules.pause_after_failures,
        }
    }

    /// The first due time after this instant, of a schedule of which nothing has fired since; `None` if there is none any more.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.recurrence {
            Recurrence::Series(series) => series.next(after),
            Recurrence::FixedDelay { first, .. } if *first > after => self.within_bounds(*first),
            Recurrence::FixedDelay { every, .. } => self.after_end(after, *every),
        }
    }

    /// Due times in a row, for people who want to see what their rules come to; of a fixed delay as if every firing took no time.
    pub fn preview(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        let count = self
            .max_firings
            .map_or(count, |most| count.min(usize::try_from(most).unwrap_or(count)));
        std::iter::successors(self.next(after), |due| self.next(*due))
            .take(count)
            .collect()
    }

    /// When something that is due then fires: later by a part of the jitter that is this firing's own, the same on every instance.
    ///
    /// It never goes beyond the next due time, so that firings keep their order.
    pub fn fires_at(&self, schedule: ScheduleId, due: Timestamp) -> Timestamp {
        if self.jitter.is_zero() {
            return due;
        }
        let gap = self.next(due).map(|next| next.duration_since(due).unsigned_abs());
        let most = gap.map_or(self.jitter, |gap| self.jitter.min(gap));
        let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let delay = share(schedule, due, millis);
        due.checked_add(Duration::from_millis(delay)).unwrap_or(due)
    }

    /// The first time after this instant that would be due, if that falls on an excluded day; of a fixed delay it is not known.
    pub fn first_excluded(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.recurrence {
            Recurrence::Series(series) => series.first_excluded(after),
            Recurrence::FixedDelay { .. } => None,
        }
    }

    /// From when on nothing is due.
    pub fn end_at(&self) -> Option<Timestamp> {
        self.end_at
    }

    /// What a due time does while an earlier firing has not ended.
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }

    /// Whether what becomes of a due time depends on whether an earlier firing has ended.
    pub fn waits_for_open(&self) -> bool {
        match self.overlap {
            Overlap::Skip | Overlap::BufferOne | Overlap::BufferAll => true,
            Overlap::Allow | Overlap::CancelPrevious => false,
        }
    }

    /// The due times in (after, until]: the last ones of them, and what came before.
    pub(super) fn missed(&self, after: Timestamp, until: Timestamp, keep: usize) -> Missed {
        match &self.recurrence {
            Recurrence::Series(series) => series.missed(after, until, keep),
            Recurrence::FixedDelay { .. } => Missed::default(),
        }
    }

    /// The due time that follows the end of a firing; only a fixed delay has one.
    pub(super) fn due_after_end(&self, ended_at: Timestamp) -> Option<Timestamp> {
        match &self.recurrence {
            Recurrence::Series(_) => None,
            Recurrence::FixedDelay { every, .. } => self.after_end(ended_at, *every),
        }
    }

    /// Whether it is due so long after the end of its last firing.
    pub fn is_fixed_delay(&self) -> bool {
        matches!(self.recurrence, Recurrence::FixedDelay { .. })
    }

    fn after_end(&self, ended_at: Timestamp, every: Duration) -> Option<Timestamp> {
        self.within_bounds(ended_at.checked_add(every).ok()?)
    }

    /// This moment, or the first one after excluded days, if it is before the end.
    fn within_bounds(&self, at: Timestamp) -> Option<Timestamp> {
        let Recurrence::FixedDelay { end_at, exclusions, .. } = &self.recurrence else {
            return None;
        };
        let at = exclusions.first_allowed(at)?;
        end_at.is_none_or(|end| at < end).then_some(at)
    }
}

/// A number from 0 to `most` that follows from a firing alone and is spread evenly: the finalizer of `MurmurHash3` (Austin Appleby, public
/// domain) over the random bits of the schedule's id and the due time.
fn share(schedule: ScheduleId, due: Timestamp, most: u64) -> u64 {
    let (high, low) = schedule.as_uuid().as_u64_pair();
    let mut bits =
        high ^ low.rotate_left(32) ^ due.as_microsecond().cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        bits = (bits ^ (bits >> 33)).wrapping_mul(factor);
    }
    bits ^= bits >> 33;
    let spread = (u128::from(bits) * (u128::from(most) + 1)) >> 64;
    u64::try_from(spread).unwrap_or(most)
}
