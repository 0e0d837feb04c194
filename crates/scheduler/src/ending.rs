//! Firings that end: told by the embedder, or asked for.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gathering_domain::schedule::{Outcome, State};
use gathering_domain::{FiringId, Json, ScheduleId};
use gathering_persistence::firings::{self, Ending, FiringRow};
use gathering_persistence::schedules::{self, Change, ScheduleRow};
use gathering_persistence::{Error, Transaction};
use jiff::Timestamp;
use uuid::Uuid;

use crate::firing::{SILENCE, too_many_failures};
use crate::pausing::PAUSED;
use crate::{FireError, Scheduler};

/// How many open firings are asked about at once.
const PAGE: usize = 1_000;
const PAGE_LIMIT: i64 = 1_000;
/// How long is waited for an answer while schedules are locked: less than the database waits for those who have locked them.
const PATIENCE: Duration = Duration::from_secs(1);
/// Of a schedule that its open firings hold up, so many are asked about at once; where earlier ones are waited for there is one, unless its policy was changed.
const OF_EACH: i64 = 10;

/// Where the walk over open firings is.
#[derive(Debug)]
pub(crate) struct Walk {
    after: FiringId,
    held_after: ScheduleId,
}

/// What a step of the walk came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) firings: usize,
    pub(crate) ended: usize,
    /// Whether the walk is not at its end.
    pub(crate) more: bool,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            after: FiringId::from(Uuid::nil()),
            held_after: ScheduleId::from(Uuid::nil()),
        }
    }
}

/// The last one of a full page, after which the next one begins.
fn next_after<T, I>(page: &[T], id: impl Fn(&T) -> I) -> Option<I> {
    page.last().filter(|_| page.len() == PAGE).map(id)
}

/// A firing that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The firing.
    pub id: FiringId,
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// Why it failed, or was cancelled; a failure without one is given one.
    pub error: Option<Json>,
}

impl Scheduler {
    /// One step of what [`Scheduler::start`] does all the time: asks [`OnFire::ended`](crate::OnFire::ended) about the firings that are open, and writes down those that
    /// have ended. Gives how many.
    pub async fn settle_ended(&self) -> Result<usize, crate::Error> {
        let mut after = FiringId::from(Uuid::nil());
        let mut settled = 0;
        loop {
            let open = firings::started(&self.shared.connection().await?, after, PAGE_LIMIT).await?;
            settled += self.settle(&open).await?;
            let Some(next) = next_after(&open, |firing| firing.id) else {
                return Ok(settled);
            };
            after = next;
        }
    }

    /// One step of the walk over open firings: first a part of those that hold their schedules up, then a part of all. So whatever is open, nothing waits for the
    /// end of the walk that need not.
    pub(crate) async fn settle_some(&self, walk: &mut Walk) -> Result<Asked, crate::Error> {
        let client = self.shared.connection().await?;
        let held = schedules::held(&client, walk.held_after, PAGE_LIMIT).await?;
        walk.held_after = next_after(&held, |id| *id).unwrap_or_else(|| ScheduleId::from(Uuid::nil()));
        let holding = if held.is_empty() {
            Vec::new()
        } else {
            firings::earliest_open_of(&client, &held, OF_EACH).await?
        };
        let all = firings::started(&client, walk.after, PAGE_LIMIT).await?;
        let more = next_after(&all, |firing| firing.id);
        // Before they are asked about: those that cannot be settled now come again with the next walk, and keep no others waiting.
        walk.after = more.unwrap_or_else(|| FiringId::from(Uuid::nil()));
        drop(client);
        let mut ended = 0;
        for part in holding.chunks(PAGE) {
            ended += self.settle(part).await?;
        }
        ended += self.settle(&all).await?;
        Ok(Asked {
            firings: holding.len() + all.len(),
            ended,
            more: more.is_some(),
        })
    }

    /// Writes down what has ended of schedules that are about to be decided on, where that depends on it: whoever asks only later might skip a due time for a
    /// firing that is over. Gives them as they are then.
    pub(crate) async fn settle_before(
        &self,
        tx: &Transaction<'_>,
        rows: Vec<ScheduleRow>,
    ) -> Result<Vec<ScheduleRow>, Error> {
        let depends = |row: &&ScheduleRow| {
            let timetable = self.shared.timetable(row).ok().filter(|_| row.state.open > 0);
            timetable.is_some_and(|timetable| timetable.waits_for_open())
        };
        let ids: Vec<ScheduleId> = rows.iter().filter(depends).map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(rows);
        }
        let open = firings::earliest_open_of(tx, &ids, OF_EACH).await?;
        // Who cannot be asked now says it later: what is decided then is what was known.
        let asked = tokio::time::timeout(PATIENCE, self.ask(&open)).await;
        let ended = asked.map(Result::unwrap_or_default).unwrap_or_default();
        if ended.is_empty() {
            return Ok(rows);
        }
        self.settle_in(tx, &ended).await?;
        let settled: Vec<ScheduleId> = ended.iter().map(|(firing, _)| firing.schedule_id).collect();
        let settled = schedules::lock(tx, &settled).await?;
        let mut settled: HashMap<ScheduleId, ScheduleRow> = settled.into_iter().map(|row| (row.id, row)).collect();
        let now = |row: ScheduleRow| settled.remove(&row.id).unwrap_or(row);
        Ok(rows.into_iter().map(now).collect())
    }

    /// Asks which of these have ended.
    async fn ask<'f>(&self, open: &'f [FiringRow]) -> Result<Vec<(&'f FiringRow, Ended)>, crate::Error> {
        let ids: Vec<FiringId> = open.iter().map(|firing| firing.id).collect();
        let ended = self.shared.on_fire.ended(&ids).await?;
        let known: HashMap<FiringId, &FiringRow> = open.iter().map(|firing| (firing.id, firing)).collect();
        let ended = ended.into_iter();
        Ok(ended
            .filter_map(|ended| Some((*known.get(&ended.id)?, ended)))
            .collect())
    }

    async fn settle(&self, open: &[FiringRow]) -> Result<usize, crate::Error> {
        if open.is_empty() {
            return Ok(0);
        }
        let ended = self.ask(open).await?;
        if ended.is_empty() {
            return Ok(0);
        }
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(Error::from)?;
        schedules::be_brisk(&tx, SILENCE).await?;
        let settled = self.settle_in(&tx, &ended).await?;
        tx.commit().await.map_err(Error::from)?;
        self.wake();
        Ok(settled)
    }

    /// Writes down how a firing ended, in the caller's transaction. `false` if it is not open: it never started, or has ended already.
    pub async fn firing_ended_in(&self, tx: &Transaction<'_>, ended: Ended) -> Result<bool, crate::Error> {
        let Some(firing) = firings::started_one(tx, ended.id).await? else {
            return Ok(false);
        };
        Ok(self.settle_in(tx, &[(&firing, ended)]).await? == 1)
    }

    /// Locks the schedules, then ends the firings: in this order, as whoever fires does.
    async fn settle_in(&self, tx: &Transaction<'_>, ended: &[(&FiringRow, Ended)]) -> Result<usize, Error> {
        let mut ids: Vec<ScheduleId> = ended.iter().map(|(firing, _)| firing.schedule_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = schedules::lock(tx, &ids).await?;
        let now = schedules::now(tx, self.shared.given_now()).await?;
        let endings: Vec<Ending> = ended.iter().map(|(firing, ended)| ending(firing, ended, now)).collect();
        let written: HashSet<_> = firings::end(tx, &endings).await?.into_iter().collect();
        let mut looks: HashMap<ScheduleId, Look> = rows.into_iter().map(|row| (row.id, Look::new(row))).collect();
        // In the order in which they ended: failures count in a row.
        let mut written: Vec<&Ending> = endings
            .iter()
            .filter(|ending| written.contains(&(ending.schedule_id, ending.due_at)))
            .collect();
        written.sort_by_key(|ending| ending.finished_at);
        for ending in &written {
            self.count(ending.outcome);
            if let Some(look) = looks.get_mut(&ending.schedule_id) {
                look.take(self, ending);
            }
        }
        let paused: Vec<ScheduleId> = looks
            .values()
            .filter(|look| look.pauses.is_some())
            .map(|look| look.row.id)
            .collect();
        if !paused.is_empty() {
            firings::give_up_waiting(tx, &paused, (false, PAUSED)).await?;
        }
        let changes: Vec<Change> = looks.values().map(|look| look.change(self, now)).collect();
        schedules::save(tx, &changes, now).await?;
        self.shared.counters.paused.add(paused.len() as u64);
        Ok(written.len())
    }

    fn count(&self, outcome: Outcome) {
        let counters = &self.shared.counters;
        match outcome {
            Outcome::Succeeded => counters.succeeded.one(),
            Outcome::Failed => counters.failed.one(),
            Outcome::Cancelled => counters.cancelled.one(),
        }
    }
}

/// A schedule of which firings have ended.
struct Look {
    row: ScheduleRow,
    state: State,
    pauses: Option<String>,
}

impl Look {
    fn new(row: ScheduleRow) -> Self {
        let state = row.state;
        Self {
            row,
            state,
            pauses: None,
        }
    }

    fn take(&mut self, scheduler: &Scheduler, ending: &Ending) {
        let Ok(timetable) = scheduler.shared.timetable(&self.row) else {
            self.state.open = self.state.open.saturating_sub(1);
            return;
        };
        let (state, pauses) = self.state.ended(&timetable, ending.outcome, ending.finished_at);
        self.state = state;
        if pauses {
            let reason = too_many_failures(state.failures);
            tracing::warn!(schedule_id = %self.row.id, reason, "a schedule pauses itself");
            self.pauses = Some(reason);
        }
    }

    fn change(&self, scheduler: &Scheduler, now: Timestamp) -> Change {
        let timetable = scheduler.shared.timetable(&self.row).ok();
        Change {
            id: self.row.id,
            state: self.state,
            wake_at: timetable.and_then(|table| self.state.wake_at(self.row.id, &table, now)),
            pauses: self.pauses.clone(),
        }
    }
}

/// What is written: no end before its start or after now, and no failure without a word.
fn ending(firing: &FiringRow, ended: &Ended, now: Timestamp) -> Ending {
    let unsaid = || Json::from_value(&serde_json::json!({"code": "failed", "message": "nothing was said about why"}));
    let error = match ended.outcome {
        Outcome::Failed => ended.error.clone().or_else(|| Some(unsaid())),
        Outcome::Succeeded => None,
        Outcome::Cancelled => ended.error.clone(),
    };
    Ending {
        schedule_id: firing.schedule_id,
        due_at: firing.due_at,
        outcome: ended.outcome,
        finished_at: ended.at.min(now).max(firing.started_at.unwrap_or(ended.at)),
        error,
    }
}

impl From<FireError> for crate::Error {
    fn from(error: FireError) -> Self {
        Self::Database(Error::Unavailable(format!(": {}", error.chain())))
    }
}
