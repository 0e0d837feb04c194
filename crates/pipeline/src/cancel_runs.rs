//! Cancelling the runs that match a filter, part by part.

use std::collections::{HashMap, HashSet};

use gathering_domain::{CancelPlace, ProjectId, RunId, RunStatus};
use gathering_persistence::cancellations::{self, Cancel, Cancelled};
use gathering_persistence::runs::{self, RunFilter};
use gathering_persistence::{Connection, Error as DatabaseError};
use jiff::Timestamp;
use serde::Serialize;

use crate::cancel::{MAX_RACES, why};
use crate::input::{check_cancel, check_reason};
use crate::{Engine, Error};

/// The most runs that are cancelled in one commit: enough to be fast, few enough that nobody waits long for a head.
const STEP: usize = 500;
/// Up to which number the remaining runs are counted.
const MOST_COUNTED: u32 = 10_000;
/// How often one call waits for locked runs, 100 ms each time; those that are locked then are left to a later call.
const MAX_LOCK_WAITS: u32 = 10;

/// Which part of the work one call does.
#[derive(Debug, Clone, Copy)]
pub struct CancelPart {
    /// Runs that it looks at, 1 to 5,000.
    pub limit: u32,
    /// Where it begins: the [`CancelProgress::next_cursor`] of the call before; `None` for the first.
    pub from: Option<CancelPlace>,
}

/// What a call of [`Engine::cancel_runs`] came to, and what is left to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(description = "What a part of the work came to, and what is left to do.")
)]
pub struct CancelProgress {
    /// Open runs that matched when this call came to them: the sum of the next two, and of those that somebody had locked for too long.
    pub matched: u32,
    /// Runs that this very call ended.
    pub cancelled: u32,
    /// Runs that ended by themselves, or by somebody else's hand, before this call could.
    pub already_ended: u32,
    /// Open runs that match now, not counting those that were started after the first call; at most 10,000.
    pub remaining: u32,
    /// Whether `remaining` is the whole number; if not, there are more.
    pub remaining_is_exact: bool,
    /// Where the next call goes on; `None` when nothing remains.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub next_cursor: Option<CancelPlace>,
}

/// A walk that is under way.
struct Walk<'a> {
    client: Connection,
    filter: &'a RunFilter,
    why: Why,
    progress: CancelProgress,
    /// How often it still waits for locked runs.
    patience: u32,
}

/// Which runs are still meant when it is their turn, and why they are cancelled.
struct Why {
    status: Option<RunStatus>,
    error: String,
}

/// What became of a run that was tried by itself.
enum Single {
    Ended,
    /// It is over, gone, or does not match any more.
    Missing,
    Locked,
}

impl Engine {
    /// Cancels open runs of a project that match, newest first, for a reason of up to 1,000 characters: up to
    /// [`CancelPart::limit`] of them, in commits of up to 500. To be repeated with the same filter and
    /// [`CancelProgress::next_cursor`] until that is `None`: then none of those that matched when the first call was made is open. An empty
    /// filter means all of the project.
    ///
    /// Each run ends as by [`Engine::cancel_run`]: for good, and its owner is told by the same commit. Runs that are started after the first
    /// call are left alone (as far as the clocks of instances agree). It may be dropped, killed or made twice at once: what is done is
    /// done, and the rest is done by whoever repeats it, over any instance.
    ///
    /// One call waits for at most a second in all for runs that somebody has locked; what is still locked then is tried again once the walk
    /// has come to its end. There is no twin in the caller's transaction: that would keep thousands of runs locked until it commits; see
    /// [`Engine::cancel_run_in`].
    pub async fn cancel_runs(
        &self,
        project: ProjectId,
        filter: &RunFilter,
        reason: &str,
        part: CancelPart,
    ) -> Result<CancelProgress, Error> {
        check_reason(reason)?;
        check_cancel(filter, part.limit)?;
        let mut walk = Walk {
            client: self.shared.connection().await?,
            filter,
            why: Why {
                status: filter.status,
                error: why(reason),
            },
            progress: CancelProgress::default(),
            patience: MAX_LOCK_WAITS,
        };
        let (mut left, mut place, mut at_end) = (part.limit as usize, part.from, false);
        while left > 0 && !at_end {
            let step = left.min(STEP);
            let limit = i64::try_from(step).unwrap_or(i64::MAX);
            let seen = runs::open(&walk.client, project, filter, CancelPlace::next(place), limit).await?;
            self.cancel_step(&mut walk, &seen).await?;
            place = CancelPlace::after(place, &seen);
            at_end = seen.len() < step;
            left -= seen.len();
        }
        let progress = walk.finish(project, place, at_end).await?;
        tracing::info!(project_id = %project, ?progress, "runs were cancelled by a filter");
        Ok(progress)
    }

    /// Cancels these runs: in one commit those that nobody has locked, in another one those that were let go within a moment, as by another
    /// walk over the same runs, and the rest one by one.
    async fn cancel_step(&self, walk: &mut Walk<'_>, seen: &[RunId]) -> Result<(), Error> {
        let free = walk.why.cancel(seen, self.shared.clock.now());
        let found = or_none(cancellations::cancel_free(&mut walk.client, free).await)?;
        let done = self.take_in(walk, &found.unwrap_or_default());
        let left: Vec<RunId> = seen.iter().copied().filter(|run| !done.contains(run)).collect();
        let mut missing = Vec::new();
        for run in self.cancel_again(walk, left, &mut missing).await? {
            match self.cancel_single(walk, run).await? {
                Single::Ended => {}
                Single::Missing => missing.push(run),
                Single::Locked => walk.progress.matched += 1,
            }
        }
        walk.count_missing(&missing).await
    }

    /// Tries all of them once more, and waits a little for those that are locked; gives those that are to be tried by themselves.
    async fn cancel_again(
        &self,
        walk: &mut Walk<'_>,
        left: Vec<RunId>,
        missing: &mut Vec<RunId>,
    ) -> Result<Vec<RunId>, Error> {
        if left.len() <= 1 || walk.patience == 0 {
            return Ok(left);
        }
        let asked = walk.why.cancel(&left, self.shared.clock.now());
        let Some(found) = or_none(cancellations::cancel_patiently(&mut walk.client, asked).await)? else {
            walk.patience -= 1;
            return Ok(left);
        };
        self.take_in(walk, &found);
        let found: HashMap<RunId, bool> = found.iter().map(|run| (run.id, run.done)).collect();
        missing.extend(left.iter().filter(|run| !found.contains_key(run)));
        Ok(left.into_iter().filter(|run| found.get(run) == Some(&false)).collect())
    }

    async fn cancel_single(&self, walk: &mut Walk<'_>, run: RunId) -> Result<Single, Error> {
        for _ in 0..=MAX_RACES {
            if walk.patience == 0 {
                break;
            }
            let asked = walk.why.cancel(std::slice::from_ref(&run), self.shared.clock.now());
            let Some(found) = or_none(cancellations::cancel_patiently(&mut walk.client, asked).await)? else {
                walk.patience -= 1;
                break;
            };
            if found.is_empty() {
                return Ok(Single::Missing);
            }
            if !self.take_in(walk, &found).is_empty() {
                return Ok(Single::Ended);
            }
            // Its owner appended at this very moment.
        }
        Ok(Single::Locked)
    }

    /// Counts those that are over now, and stops what this instance does for them.
    fn take_in(&self, walk: &mut Walk<'_>, found: &[Cancelled]) -> HashSet<RunId> {
        let done: HashSet<RunId> = found.iter().filter(|run| run.done).map(|run| run.id).collect();
        for run in &done {
            self.told_here(*run);
        }
        self.shared.counters.cancelled.add(done.len() as u64);
        let count = u32::try_from(done.len()).unwrap_or(u32::MAX);
        walk.progress.cancelled += count;
        walk.progress.matched += count;
        done
    }
}

impl Why {
    fn cancel<'a>(&'a self, runs: &'a [RunId], at: Timestamp) -> Cancel<'a> {
        Cancel {
            runs,
            status: self.status,
            error: &self.error,
            at,
        }
    }
}

impl Walk<'_> {
    /// Of those that could not be found any more, some have ended; the others only do not match any more, as a queued run that was claimed.
    async fn count_missing(&mut self, missing: &[RunId]) -> Result<(), Error> {
        if missing.is_empty() {
            return Ok(());
        }
        let ended = runs::over(&self.client, missing).await?.len();
        let ended = u32::try_from(ended).unwrap_or(u32::MAX);
        self.progress.already_ended += ended;
        self.progress.matched += ended;
        Ok(())
    }

    /// Counts what is left, and says where to go on.
    async fn finish(
        mut self,
        project: ProjectId,
        place: Option<CancelPlace>,
        at_end: bool,
    ) -> Result<CancelProgress, Error> {
        self.progress.remaining_is_exact = true;
        if let Some(place) = place {
            let most = i64::from(MOST_COUNTED) + 1;
            let open = runs::count_open(&self.client, project, self.filter, place.newest(), most).await?;
            let open = u32::try_from(open).unwrap_or(u32::MAX);
            self.progress.remaining = open.min(MOST_COUNTED);
            self.progress.remaining_is_exact = open <= MOST_COUNTED;
            self.progress.next_cursor = place.going_on(at_end, open);
        }
        Ok(self.progress)
    }
}

/// `None` where somebody held a lock for too long: nothing was done then.
fn or_none<T>(done: Result<T, DatabaseError>) -> Result<Option<T>, DatabaseError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.is_lock_timeout() => Ok(None),
        Err(error) => Err(error),
    }
}
