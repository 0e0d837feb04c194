//! Why a schedule does not fire, or not now: in words, and as data.

use gathering_domain::schedule::{Overlap, Timetable};
use gathering_domain::{FiringId, Json, ScheduleId};
use gathering_persistence::firings::{self, FiringRow, FiringStatus};
use gathering_persistence::schedules::{self, ScheduleRow};
use jiff::{SignedDuration, Timestamp};

use crate::{Error, Pause, Scheduler};

/// How late a due time is before that needs a reason.
const LATE: SignedDuration = SignedDuration::from_secs(2);

/// Why a schedule does not fire, or not now.
#[derive(Debug, Clone)]
pub struct Why {
    /// The schedule.
    pub id: ScheduleId,
    /// The time by which this was judged.
    pub now: Timestamp,
    /// Everything that holds it back, the weightiest first; empty if it would fire right now.
    pub blockers: Vec<Blocker>,
}

/// Something that holds a schedule back.
#[derive(Debug, Clone, PartialEq)]
pub enum Blocker {
    /// It is paused.
    Paused(Pause),
    /// Its last firings failed. They hold nothing back by themselves, but may be why it is paused.
    Failing {
        /// How many in a row.
        times: u32,
        /// The last one that failed.
        firing_id: FiringId,
        /// When that was due.
        due_at: Timestamp,
        /// Why it failed.
        error: Option<Json>,
    },
    /// Nothing is due any more: what there was to fire has fired, or `end_at` is over.
    Ended {
        /// Since when, if it is `end_at` that is over.
        ended_at: Option<Timestamp>,
        /// Whether it has fired as often as it may.
        spent: bool,
    },
    /// An earlier firing has not ended.
    Overlap {
        /// What due times do meanwhile.
        policy: Overlap,
        /// The earliest of those that are open.
        firing_id: FiringId,
        /// When it was due.
        due_at: Timestamp,
        /// How many wait.
        buffered: u32,
    },
    /// A fixed delay counts from the end of a firing that is open.
    AwaitsEnd {
        /// The firing.
        firing_id: FiringId,
    },
    /// Its last due times were missed, and not made up for.
    Missed {
        /// The first one.
        since: Timestamp,
        /// The last one.
        until: Timestamp,
        /// How many; `None` if they were too many to count.
        count: Option<i64>,
    },
    /// The clock shows a time before that of its last due time: it was set back.
    ClockSetBack {
        /// The last due time that was decided on.
        decided: Timestamp,
    },
    /// It is due, and nobody has looked at it: no instance works, or they cannot keep up.
    NotLookedAt {
        /// Since when.
        since: Timestamp,
    },
    /// Its next due time has not come.
    NotDue {
        /// That time.
        due_at: Timestamp,
        /// When it fires: jitter is in it.
        fires_at: Timestamp,
        /// A time before that would have been due, were its day not excluded.
        excluded: Option<Timestamp>,
    },
    /// Its rules cannot be read by this release.
    Unreadable {
        /// Why not.
        reason: String,
    },
}

impl Scheduler {
    /// Why a schedule does not fire, or not now.
    pub async fn why(&self, id: ScheduleId) -> Result<Why, Error> {
        let client = self.shared.connection().await?;
        let row = schedules::get(&client, id).await?.ok_or(Error::NotFound(id))?;
        let now = self.now(&client).await?;
        let open = firings::open_of(&client, &[id]).await?;
        let last = firings::list(&client, id, None, (None, 1)).await?.pop();
        let failed = firings::list(&client, id, Some(FiringStatus::Failed), (None, 1))
            .await?
            .pop();
        let blockers = match self.shared.timetable(&row) {
            Ok(timetable) => {
                let mut blockers = blockers(&row, &timetable, (open.first(), last.as_ref()), now);
                let place = usize::from(row.pause.is_some());
                if let Some(failing) = failed.filter(|_| row.state.failures > 0) {
                    blockers.insert(place, failing_since(&row, failing));
                }
                blockers
            }
            Err(reason) => vec![Blocker::Unreadable { reason }],
        };
        Ok(Why { id, now, blockers })
    }
}

fn blockers(
    row: &ScheduleRow,
    timetable: &Timetable,
    (open, last): (Option<&FiringRow>, Option<&FiringRow>),
    now: Timestamp,
) -> Vec<Blocker> {
    let state = &row.state;
    let mut blockers: Vec<Blocker> = row.pause.clone().map(Blocker::Paused).into_iter().collect();
    blockers.extend(open.and_then(|open| held_up(row, timetable, open)));
    if state.due_at.is_none() && !(timetable.is_fixed_delay() && state.open > 0 && !state.is_spent(timetable)) {
        blockers.push(Blocker::Ended {
            ended_at: timetable.end_at().filter(|end| *end <= now),
            spent: state.is_spent(timetable),
        });
    }
    blockers.extend(last.and_then(missed));
    if let Some(decided) = state.decided.filter(|decided| *decided > now) {
        blockers.push(Blocker::ClockSetBack { decided });
    }
    if let Some(due_at) = state.due_at.filter(|_| !state.paused) {
        let fires_at = timetable.fires_at(row.id, due_at);
        if fires_at > now {
            let excluded = timetable.first_excluded(now).filter(|excluded| *excluded < due_at);
            blockers.push(Blocker::NotDue {
                due_at,
                fires_at,
                excluded,
            });
        }
    }
    blockers.extend(not_looked_at(row, now));
    blockers
}

fn held_up(row: &ScheduleRow, timetable: &Timetable, open: &FiringRow) -> Option<Blocker> {
    if timetable.is_fixed_delay() && row.state.due_at.is_none() {
        return Some(Blocker::AwaitsEnd { firing_id: open.id });
    }
    let policy = timetable.overlap();
    let waits = !matches!(policy, Overlap::Allow | Overlap::CancelPrevious);
    waits.then_some(Blocker::Overlap {
        policy,
        firing_id: open.id,
        due_at: open.due_at,
        buffered: row.state.buffered,
    })
}

fn failing_since(row: &ScheduleRow, failed: FiringRow) -> Blocker {
    Blocker::Failing {
        times: row.state.failures,
        firing_id: failed.id,
        due_at: failed.due_at,
        error: failed.error,
    }
}

fn missed(last: &FiringRow) -> Option<Blocker> {
    let since = last.missed_since.filter(|_| last.status == FiringStatus::Missed)?;
    Some(Blocker::Missed {
        since,
        until: last.due_at,
        count: last.missed_count,
    })
}

fn not_looked_at(row: &ScheduleRow, now: Timestamp) -> Option<Blocker> {
    let since = row.wake_at.filter(|wake| now.duration_since(*wake) > LATE)?;
    Some(Blocker::NotLookedAt { since })
}
