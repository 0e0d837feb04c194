//! What a schedule does at a moment: which due times fire, wait, are skipped or were missed, and when it is looked at again.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::MAX_BUFFERED;
use super::origin::Origin;
use super::policy::{MisfirePolicy, Overlap};
use super::state::State;
use super::times::{Before, Missed};
use super::timetable::Timetable;
use crate::{FiringId, ScheduleId};

/// The most firings of one schedule that one look starts; what is beyond comes with the next look, at once.
pub const MAX_AT_ONCE: usize = 100;

/// A firing that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffered {
    /// The firing.
    pub id: FiringId,
    /// Its due time.
    pub due_at: Timestamp,
    /// Who asked for it.
    pub origin: Origin,
}

/// What is to be done with a schedule now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Firings that waited and start now.
    pub resumed: Vec<Buffered>,
    /// Due times that passed, in their order.
    pub firings: Vec<Planned>,
    /// Whether whatever was open before is to be cancelled.
    pub cancels: bool,
    /// The state afterwards, if whatever starts stays open.
    pub state: State,
    /// Whether this look came to a bound, and the next one is to follow at once.
    pub more: bool,
}

/// A due time that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// When it was due. Of missed ones, the last.
    pub due_at: Timestamp,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It fires.
    Start,
    /// It waits for an earlier firing.
    Buffer,
    /// It does not fire.
    Skip(Skip),
    /// It was missed and is not made up for, and so were those before it.
    Missed {
        /// The first one of them.
        first: Timestamp,
        /// How many; `None` if they were too many to count.
        count: Option<u64>,
    },
}

/// Why a due time does not fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// An earlier firing has not ended, or a later one takes its place.
    Overlap,
    /// As many wait as may.
    BufferFull,
}

impl Skip {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::BufferFull => "buffer_full",
        }
    }
}

impl Plan {
    /// Decides. `waiting` are the oldest firings that wait, in their order.
    pub fn decide(
        (schedule, timetable): (ScheduleId, &Timetable),
        state: State,
        waiting: &[Buffered],
        now: Timestamp,
    ) -> Self {
        let mut planner = Planner {
            schedule,
            timetable,
            now,
            plan: Self {
                state,
                ..Self::default()
            },
        };
        planner.resume(waiting);
        let replaces = timetable.overlap == Overlap::CancelPrevious && !planner.plan.resumed.is_empty();
        if !replaces {
            planner.fire();
        }
        planner.plan
    }

    /// How many start now.
    pub fn starts(&self) -> usize {
        let new = self.firings.iter().filter(|planned| planned.fate == Fate::Start);
        new.count() + self.resumed.len()
    }

    /// Leaves out due times that have a firing already.
    pub fn leave_out(&mut self, is_there: impl Fn(Timestamp) -> bool) {
        let (there, firings): (Vec<_>, Vec<_>) = std::mem::take(&mut self.firings)
            .into_iter()
            .partition(|planned| is_there(planned.due_at));
        self.firings = firings;
        for planned in there {
            let state = &mut self.state;
            match planned.fate {
                Fate::Start => state.open = state.open.saturating_sub(1),
                Fate::Buffer => state.buffered = state.buffered.saturating_sub(1),
                Fate::Skip(_) | Fate::Missed { .. } => continue,
            }
            state.fired = state.fired.saturating_sub(1);
        }
    }

    /// When to look at the schedule again; `None` while nothing comes by itself.
    pub fn wake_at(&self, schedule: ScheduleId, timetable: &Timetable, now: Timestamp) -> Option<Timestamp> {
        let wake_at = self.state.wake_at(schedule, timetable, now);
        if self.more {
            wake_at.map(|at| at.min(now))
        } else {
            wake_at
        }
    }
}

struct Planner<'a> {
    schedule: ScheduleId,
    timetable: &'a Timetable,
    now: Timestamp,
    plan: Plan,
}

/// Due times that are to fire, and whether each only makes up for a missed one.
type Due = VecDeque<(Timestamp, bool)>;

impl Planner<'_> {
    /// Starts what waits and may.
    fn resume(&mut self, waiting: &[Buffered]) {
        let paused = self.plan.state.paused;
        let may = waiting
            .iter()
            .filter(|firing| !paused || firing.origin != Origin::Schedule);
        for firing in may.take(MAX_AT_ONCE) {
            let state = &mut self.plan.state;
            if !state.has_room(self.timetable) {
                break;
            }
            self.plan.cancels |= self.timetable.overlap == Overlap::CancelPrevious && state.open > 0;
            state.open += 1;
            state.buffered = state.buffered.saturating_sub(1);
            if firing.origin != Origin::Schedule {
                state.asked = state.asked.saturating_sub(1);
            }
            self.plan.resumed.push(*firing);
            if self.timetable.overlap == Overlap::CancelPrevious {
                // Each takes the place of the one before: the others come with the looks after this one.
                break;
            }
        }
    }

    /// Decides on the due times that passed.
    fn fire(&mut self) {
        let Some(first) = self.plan.state.due_at.filter(|_| !self.plan.state.paused) else {
            return;
        };
        let (mut missed, mut due) = self.passed(first);
        self.plan.more = self
            .plan
            .state
            .due_at
            .is_some_and(|next| self.fires_at(next) <= self.now);
        let made_up = self.made_up_for(&mut missed);
        self.note_missed(&missed);
        for at in made_up.into_iter().rev() {
            due.push_front((at, true));
        }
        while let Some((at, makes_up)) = due.pop_front() {
            if self.plan.state.is_spent(self.timetable) {
                break;
            }
            let fate = self.fate(makes_up, due.is_empty());
            self.note(at, fate);
        }
        if self.plan.state.is_spent(self.timetable) {
            self.plan.state.due_at = None;
        }
    }

    /// The due times from `first` on that have passed: those that were missed, and those that were not. Moves the next due time on.
    fn passed(&mut self, first: Timestamp) -> (Missed, Due) {
        let misfire = &self.timetable.misfire;
        let grace = misfire.grace.saturating_add(Duration::from_micros(1));
        let long_ago = self.now.checked_sub(grace).unwrap_or(Timestamp::MIN);
        let mut missed = Missed::default();
        let mut next = Some(first);
        if first <= long_ago && !self.timetable.is_fixed_delay() {
            // Nothing fires later than the next due time: so of all but the last of these the grace is over, whatever their jitter.
            missed = self.timetable.missed(first, long_ago, self.keep() + 1);
            if let Some(last) = missed.times.pop() {
                next = Some(last);
                missed.prepend(first, self.keep());
                self.plan.state.decided = missed.last().or(self.plan.state.decided);
            }
        }
        let mut due = Due::new();
        // Of these one at most was missed: the last before the grace.
        while let Some(at) = next.filter(|at| self.fires_at(*at) <= self.now && due.len() < MAX_AT_ONCE) {
            if self.now.duration_since(self.fires_at(at)).unsigned_abs() > misfire.grace {
                missed.push(at, self.keep());
            } else {
                due.push_back((at, false));
            }
            self.plan.state.decided = Some(at);
            // A fixed delay comes again when this one has ended.
            next = Some(at)
                .filter(|_| !self.timetable.is_fixed_delay())
                .and_then(|at| self.timetable.next(at));
        }
        self.plan.state.due_at = next;
        (missed, due)
    }

    /// How many missed due times may matter.
    fn keep(&self) -> usize {
        match self.timetable.misfire.policy {
            MisfirePolicy::Skip => 0,
            MisfirePolicy::FireOnce => 1,
            MisfirePolicy::FireAll => self.timetable.misfire.max as usize,
        }
    }

    /// Takes those out that fire all the same.
    fn made_up_for(&self, missed: &mut Missed) -> Vec<Timestamp> {
        let oldest = self
            .now
            .checked_sub(self.timetable.misfire.window)
            .unwrap_or(Timestamp::MIN);
        let too_old = missed.times.partition_point(|at| *at < oldest);
        let made_up = missed.times.split_off(too_old);
        for at in std::mem::take(&mut missed.times) {
            missed.tell_together(at);
        }
        made_up
    }

    fn note_missed(&mut self, missed: &Missed) {
        if let Some(Before { first, last, count }) = missed.before.clone() {
            self.plan.firings.push(Planned {
                due_at: last,
                fate: Fate::Missed { first, count },
            });
            // It is over: nothing will end that the next one could be counted from.
            if self.timetable.is_fixed_delay() && self.plan.state.due_at.is_none() {
                self.plan.state.due_at = self.timetable.due_after_end(self.now);
            }
        }
    }

    fn fate(&self, makes_up: bool, is_last: bool) -> Fate {
        let state = &self.plan.state;
        let busy = state.open > 0 || state.buffered > 0;
        let buffer = || {
            if state.buffered < MAX_BUFFERED {
                Fate::Buffer
            } else {
                Fate::Skip(Skip::BufferFull)
            }
        };
        let catches_up = makes_up && self.timetable.misfire.policy == MisfirePolicy::FireAll;
        match self.timetable.overlap {
            Overlap::Allow if self.plan.starts() < MAX_AT_ONCE => Fate::Start,
            Overlap::CancelPrevious if is_last => Fate::Start,
            Overlap::Skip | Overlap::BufferOne | Overlap::BufferAll if !busy => Fate::Start,
            // All of them are to fire, and not two at once: so they wait for each other.
            Overlap::Skip | Overlap::BufferOne if catches_up => buffer(),
            Overlap::BufferOne if state.buffered == 0 => Fate::Buffer,
            Overlap::CancelPrevious | Overlap::Skip | Overlap::BufferOne => Fate::Skip(Skip::Overlap),
            // Beyond what one look starts, `allow` waits for the looks that follow at once.
            Overlap::Allow | Overlap::BufferAll => buffer(),
        }
    }

    fn note(&mut self, due_at: Timestamp, fate: Fate) {
        let state = &mut self.plan.state;
        match fate {
            Fate::Start => {
                self.plan.cancels |= self.timetable.overlap == Overlap::CancelPrevious && state.open > 0;
                state.open += 1;
                state.fired += 1;
            }
            Fate::Buffer => {
                state.buffered += 1;
                state.fired += 1;
            }
            Fate::Skip(_) | Fate::Missed { .. } => {}
        }
        self.plan.firings.push(Planned { due_at, fate });
    }

    fn fires_at(&self, due: Timestamp) -> Timestamp {
        self.timetable.fires_at(self.schedule, due)
    }
}
