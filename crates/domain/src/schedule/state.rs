//! What is known of a schedule besides its rules, and how firings that end change it.

use jiff::Timestamp;

use super::policy::Overlap;
use super::timetable::Timetable;
use crate::ScheduleId;

/// The counts of a schedule, and what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The next due time. `None` when nothing comes any more, and of a fixed delay while a firing has not ended.
    pub due_at: Option<Timestamp>,
    /// The last due time that was decided on. Nothing is due at or before it any more, whatever becomes of the rules, and of the clock.
    pub decided: Option<Timestamp>,
    /// Whether due times pass without firing. What waits because somebody asked for it still fires.
    pub paused: bool,
    /// Firings that have started and not ended.
    pub open: u32,
    /// Firings that wait.
    pub buffered: u32,
    /// Of them, those that somebody asked for: they start although the schedule is paused.
    pub asked: u32,
    /// Due times that fired, or wait to.
    pub fired: u64,
    /// Failures since the last success.
    pub failures: u32,
}

/// How a firing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// What it was for was done.
    Succeeded,
    /// It was not.
    Failed,
    /// Somebody, or a later firing, took it back.
    Cancelled,
}

impl Outcome {
    /// The status of a firing that ended so.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl State {
    /// After a firing that had started has ended.
    ///
    /// The result says whether the schedule pauses itself now.
    #[must_use]
    pub fn ended(mut self, timetable: &Timetable, outcome: Outcome, ended_at: Timestamp) -> (Self, bool) {
        self.open = self.open.saturating_sub(1);
        self.count(outcome);
        if self.open == 0 && self.due_at.is_none() && !self.is_spent(timetable) {
            self.due_at = timetable.due_after_end(ended_at);
        }
        let pauses = self.must_pause(timetable);
        (if pauses { self.paused() } else { self }, pauses)
    }

    /// Paused: what waits is given up, but for what somebody asked for.
    #[must_use]
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self.buffered = self.asked;
        self
    }

    /// Counts how a firing ended.
    pub(super) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Succeeded => self.failures = 0,
            Outcome::Failed => self.failures = self.failures.saturating_add(1),
            Outcome::Cancelled => {}
        }
    }

    pub(super) fn must_pause(&self, timetable: &Timetable) -> bool {
        let most = timetable.pause_after_failures;
        !self.paused && most.is_some_and(|most| self.failures >= most)
    }

    /// Whether it has fired as often as it may.
    pub fn is_spent(&self, timetable: &Timetable) -> bool {
        timetable.max_firings.is_some_and(|most| self.fired >= most)
    }

    /// Under other rules. What was due by now and not looked at yet stays due.
    #[must_use]
    pub fn changed(self, timetable: &Timetable, now: Timestamp) -> Self {
        let stays = !self.paused && self.due_at.is_some_and(|due| due <= now);
        if stays { self } else { self.due_anew(timetable, now) }
    }

    /// After a pause, and at the beginning: what comes next comes after now.
    #[must_use]
    pub fn due_anew(mut self, timetable: &Timetable, now: Timestamp) -> Self {
        let after = self.decided.map_or(now, |decided| decided.max(now));
        let waits_for_end = timetable.is_fixed_delay() && self.open > 0;
        self.due_at = Some(after)
            .filter(|_| !waits_for_end && !self.is_spent(timetable))
            .and_then(|after| timetable.next(after));
        self
    }

    /// When to look at the schedule next: at once, if something that waits could start; `None` while nothing comes by itself.
    pub fn wake_at(&self, schedule: ScheduleId, timetable: &Timetable, now: Timestamp) -> Option<Timestamp> {
        let startable = if self.paused { self.asked } else { self.buffered };
        if startable > 0 && self.has_room(timetable) {
            return Some(now);
        }
        let due = self.due_at.filter(|_| !self.paused)?;
        Some(timetable.fires_at(schedule, due))
    }

    /// Whether something that waits could start.
    pub(super) fn has_room(&self, timetable: &Timetable) -> bool {
        match timetable.overlap {
            Overlap::Allow | Overlap::CancelPrevious => true,
            Overlap::Skip | Overlap::BufferOne | Overlap::BufferAll => self.open == 0,
        }
    }
}
