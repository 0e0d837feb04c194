//! Forgetting old history: which weeks go, and what moves aside so that they can.

use std::time::Duration;

use gathering_domain::retention::{Horizon, Verdict};
use gathering_persistence::retention::{self, Week};
use gathering_persistence::{Connection, cancellations, run_keys};
use jiff::Timestamp;
use serde::Serialize;

use crate::shared::Shared;
use crate::{Engine, Error};

/// The most rows that one statement forgets.
const BATCH: i64 = 1_000;
/// The most statements of one kind in one pass; what is left then goes in the next.
const MAX_BATCHES: usize = 100;
/// How often a week is tried whose tables are in use, and the pause between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// More wanted runs than this need not be counted: see [`Horizon::judge`].
const MAX_WANTED: i64 = 1_001;

/// What was forgotten, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Runs that ended before it are forgotten, week by week; `None` when it is before the beginning of time.
    pub before: Option<Timestamp>,
    /// The weeks that are old enough, the oldest first.
    pub weeks: Vec<OldWeek>,
    /// Runs that were forgotten one by one, because they had outlived their week.
    pub runs: u64,
    /// Idempotency keys that were forgotten.
    pub keys: u64,
}

/// A week of history that is old enough to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OldWeek {
    /// Its first moment, in UTC.
    pub monday: Timestamp,
    /// What its tables take on disk.
    pub bytes: i64,
    /// How many of its runs were moved aside: they have not ended, or ended not long ago.
    pub moved: usize,
    /// Why it is kept all the same.
    pub kept: Option<String>,
}

impl Engine {
    /// Forgets, once, the history that is older than `retention`: the weeks of runs all of which were created and ended before, with
    /// their journals and idempotency keys. Runs of such weeks that have not ended, or ended later, are kept.
    ///
    /// A forgotten run is gone: [`Engine::run`] gives `None`. A working engine does this by itself every hour where
    /// [`Limits::retention`](crate::Limits::retention) is set. Several instances may do it at once: one works, the others find nothing
    /// to do. Nobody waits longer than a few tenths of a second for it.
    pub async fn forget(&self, retention: Duration) -> Result<Forgotten, Error> {
        pass(&self.shared, retention, true).await
    }

    /// What [`Engine::forget`] would do with whole weeks; changes nothing.
    pub async fn would_forget(&self, retention: Duration) -> Result<Forgotten, Error> {
        pass(&self.shared, retention, false).await
    }
}

/// One pass over everything that may be old.
pub(crate) async fn pass(shared: &Shared, retention: Duration, really: bool) -> Result<Forgotten, Error> {
    let mut connection = shared.connection().await?;
    let database = retention::now(&connection).await?;
    let Some(horizon) = Horizon::new(retention, shared.clock.now(), database) else {
        return Ok(Forgotten::default());
    };
    let mut forgotten = Forgotten {
        before: Some(horizon.at()),
        ..Forgotten::default()
    };
    if really {
        // Before the weeks: a run that outlived its week may have its journal there.
        forgotten.runs = Rows::Runs.forget(&connection, horizon).await?;
    }
    for week in retention::weeks(&connection).await? {
        if horizon.is_past(week.monday) {
            let old = forget_week(&mut connection, week, horizon, really).await?;
            forgotten.weeks.push(old);
        }
    }
    if really {
        Rows::Entries.forget(&connection, horizon).await?;
        Rows::Notes.forget(&connection, horizon).await?;
        forgotten.keys = Rows::Keys.forget(&connection, horizon).await?;
    }
    Ok(forgotten)
}

async fn forget_week(
    connection: &mut Connection,
    week: Week,
    horizon: Horizon,
    really: bool,
) -> Result<OldWeek, Error> {
    let mut old = OldWeek {
        monday: week.monday,
        bytes: week.bytes,
        moved: 0,
        kept: None,
    };
    if week.attached {
        match detach(connection, week.monday, horizon, really).await? {
            Ok(moved) => old.moved = moved,
            Err(reason) => old.kept = Some(reason.to_owned()),
        }
    }
    // In a transaction of its own: removing the files takes longer than anybody should wait for the tables.
    if really && old.kept.is_none() {
        retention::drop_detached(connection, week.monday).await?;
    }
    Ok(old)
}

/// How many runs moved aside, or why the week is kept.
async fn detach(
    connection: &mut Connection,
    monday: Timestamp,
    horizon: Horizon,
    really: bool,
) -> Result<Result<usize, &'static str>, Error> {
    for _ in 0..TRIES {
        let transaction = connection
            .transaction()
            .await
            .map_err(gathering_persistence::Error::from)?;
        if !retention::begin(&transaction).await? {
            return Ok(Err("another instance is at it"));
        }
        let wanted = retention::wanted(&transaction, monday, horizon.at(), MAX_WANTED).await?;
        let moved = match Horizon::judge(wanted.runs.len(), wanted.journal_bytes) {
            Verdict::Keep { reason } => return Ok(Err(reason)),
            Verdict::Forget { moved } if !really => return Ok(Ok(moved)),
            Verdict::Forget { .. } => retention::detach(&transaction, monday, &wanted).await?,
        };
        if let Some(moved) = moved {
            transaction.commit().await.map_err(gathering_persistence::Error::from)?;
            return Ok(Ok(moved));
        }
        transaction
            .rollback()
            .await
            .map_err(gathering_persistence::Error::from)?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Err("a transaction that is open for long has read the tables"))
}

/// What goes row by row.
#[derive(Debug, Clone, Copy)]
enum Rows {
    Runs,
    Entries,
    Notes,
    Keys,
}

impl Rows {
    /// Until one statement finds less than it might, or the pass has done enough.
    async fn forget(self, connection: &Connection, horizon: Horizon) -> Result<u64, Error> {
        let mut all = 0;
        for _ in 0..MAX_BATCHES {
            let count = match self {
                Self::Runs => retention::forget_runs(connection, horizon.at(), BATCH).await?,
                Self::Entries => retention::forget_entries(connection, horizon.at(), BATCH).await?,
                Self::Notes => cancellations::forget(connection, horizon.at(), BATCH).await?,
                Self::Keys => run_keys::forget(connection, horizon.at(), BATCH).await?,
            };
            all += count;
            if count < BATCH.unsigned_abs() {
                break;
            }
        }
        Ok(all)
    }
}
