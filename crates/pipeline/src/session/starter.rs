//! Starts share commits too: what many requests ask for while one commit is under way goes into the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gathering_domain::RunId;
use gathering_persistence::runs::{self, ClaimedRun, InsertedRun, NewRun};
use gathering_persistence::{Error, run_keys};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::Session;
use super::holder::Claimed;
use super::lane::Lane;
use super::recovery::Before;

/// The most starts in one commit.
const MAX_BATCH: usize = 500;
/// How many starts in a row meet somebody's lock before the rest is told so, too.
const MAX_TIMEOUTS: u32 = 3;

/// One run to insert.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) run: NewRun,
    /// Room in memory for it: then it is this instance's as it is inserted.
    pub(crate) slot: Option<OwnedSemaphorePermit>,
    pub(crate) done: oneshot::Sender<Result<Insertion, crate::Error>>,
    /// Room for its input among those that wait.
    pub(crate) room: OwnedSemaphorePermit,
}

/// What became of an insert.
#[derive(Debug)]
pub(crate) enum Insertion {
    /// It is there.
    Inserted(InsertedRun),
    /// A run of this id was there already: by an earlier start, or by an earlier try of this one, whose answer was lost.
    Existed(InsertedRun),
    /// The key stands for another start.
    KeyTaken(run_keys::RunKey),
    /// There is no such pipeline or version.
    NoSuchPipeline,
}

/// Inserts until every sender is gone, and launches what was inserted with room in memory, whether or not anybody waits for that.
pub(crate) async fn run(session: Arc<Session>, mut lane: Lane, mut starts: mpsc::Receiver<Start>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while starts.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (mut runs, replies): (Vec<_>, Vec<_>) = batch
            .drain(..)
            .map(|start| (start.run, (start.slot, start.done, start.room)))
            .unzip();
        for run in &mut runs {
            // Where a run of this id is in memory, or about to be inserted, it is not for a second one to be driven.
            run.owner = run.owner.filter(|_| session.held.hold_new(run.id));
        }
        let insertions = insert_each(&mut lane, &runs).await;
        for ((run, insertion), (slot, done, room)) in runs.into_iter().zip(insertions).zip(replies) {
            session.begin_inserted(run, &insertion, slot);
            drop(room);
            let _ = done.send(insertion.map_err(Into::into));
        }
    }
}

impl Session {
    /// Launches a run that was inserted as this instance's own, and lets go of what was not.
    fn begin_inserted(
        self: &Arc<Self>,
        run: NewRun,
        insertion: &Result<Insertion, Error>,
        slot: Option<OwnedSemaphorePermit>,
    ) {
        let (id, held) = (run.id, run.owner.is_some());
        if let Ok(Insertion::Inserted(inserted)) = insertion {
            self.shared.counters.started.one();
            if let Some(slot) = slot.filter(|_| held && inserted.owner.is_some()) {
                return self.launch_held(claimed(run, inserted), slot);
            }
        }
        if held {
            self.let_go(id);
        }
        match insertion {
            // It may be there all the same, with only the answer lost.
            Err(_) => self.claims_lost.store(true, Ordering::Release),
            Ok(Insertion::Existed(run)) if held && run.owner == Some(self.instance) => {
                self.claims_lost.store(true, Ordering::Release);
                self.wake.notify_one();
            }
            Ok(_) => {}
        }
    }
}

/// One start that the database will not take must not take the others with it: then each is tried by itself.
async fn insert_each(lane: &mut Lane, runs: &[NewRun]) -> Vec<Result<Insertion, Error>> {
    if let Ok(insertions) = insert(lane, runs).await {
        return insertions.into_iter().map(Ok).collect();
    }
    let mut insertions = Vec::with_capacity(runs.len());
    let mut timeouts = 0;
    for run in runs {
        let one = insert(lane, std::slice::from_ref(run)).await;
        let one = one.map(|mut one| one.pop().unwrap_or(Insertion::NoSuchPipeline));
        match &one {
            Err(error) if error.is_lock_timeout() => timeouts += 1,
            _ => timeouts = 0,
        }
        insertions.push(one);
        // More than one start's own key is locked: the others need not find out one after the other.
        if timeouts == MAX_TIMEOUTS
            && let Some(Err(error)) = insertions.last()
        {
            let error = error.clone();
            insertions.resize_with(runs.len(), || Err(error.clone()));
            break;
        }
    }
    insertions
}

/// The claim that an insert with an owner makes.
pub(crate) fn claimed(run: NewRun, inserted: &InsertedRun) -> Claimed {
    let run = ClaimedRun {
        id: run.id,
        project_id: inserted.project_id,
        pipeline_id: run.pipeline_id,
        version: inserted.version,
        epoch: 1,
        input: run.input,
        started_at: run.created_at,
        priority: run.priority,
        labels: run.labels,
        created_at: run.created_at,
        trace: run.trace,
    };
    Claimed {
        run,
        before: Before::Nobody,
        journal: Some(Vec::new()),
    }
}

async fn insert(lane: &mut Lane, runs: &[NewRun]) -> Result<Vec<Insertion>, Error> {
    loop {
        match try_insert(lane, runs).await {
            Ok(insertions) => {
                lane.succeeded();
                return Ok(insertions);
            }
            // Whoever holds the lock may do so for long: the others are not to wait for one, nor that one without an answer.
            Err(error) if error.is_lock_timeout() => return Err(error),
            Err(error) if lane.recovers_from(&error).await => {}
            Err(error) => return Err(error),
        }
    }
}

async fn try_insert(lane: &mut Lane, new: &[NewRun]) -> Result<Vec<Insertion>, Error> {
    let connection = lane.connection().await?;
    insert_in(connection, new).await
}

/// Inserts on any connection or transaction; the result has the order of `new`.
pub(crate) async fn insert_in<C: gathering_persistence::GenericClient>(
    client: &C,
    new: &[NewRun],
) -> Result<Vec<Insertion>, Error> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let by_id = |runs: Vec<InsertedRun>| runs.into_iter().map(|run| (run.id, run)).collect();
    let mut inserted: HashMap<RunId, InsertedRun> = by_id(runs::insert(client, new).await?);
    let missing: Vec<_> = new
        .iter()
        .map(|run| run.id)
        .filter(|id| !inserted.contains_key(id))
        .collect();
    let mut existed: HashMap<RunId, InsertedRun> = if missing.is_empty() {
        HashMap::new()
    } else {
        by_id(runs::find(client, &missing).await?)
    };
    let mut insertions = Vec::with_capacity(new.len());
    for run in new {
        insertions.push(if let Some(run) = inserted.remove(&run.id) {
            // The next one of this id in the same batch is the same start.
            existed.insert(run.id, run.clone());
            Insertion::Inserted(run)
        } else if let Some(run) = existed.get(&run.id) {
            Insertion::Existed(run.clone())
        } else {
            why_not(client, run).await?
        });
    }
    Ok(insertions)
}

async fn why_not<C: gathering_persistence::GenericClient>(client: &C, run: &NewRun) -> Result<Insertion, Error> {
    let Some(key) = &run.key else {
        return Ok(Insertion::NoSuchPipeline);
    };
    let found = run_keys::get(client, run.pipeline_id, &key.key).await?;
    Ok(found.map_or(Insertion::NoSuchPipeline, Insertion::KeyTaken))
}
