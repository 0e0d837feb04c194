//! Starts share commits too: what many requests ask for while one commit is under way goes into the next one.

use gathering_persistence::runs::{self, InsertedRun, NewRun};
use gathering_persistence::{Error, run_keys};
use tokio::sync::{mpsc, oneshot};

use super::lane::Lane;

/// The most starts in one commit.
const MAX_BATCH: usize = 500;

/// One run to insert.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) run: NewRun,
    pub(crate) done: oneshot::Sender<Result<Insertion, Error>>,
}

/// What became of an insert.
#[derive(Debug)]
pub(crate) enum Insertion {
    /// It is there.
    Inserted(InsertedRun),
    /// The key stands for another start.
    KeyTaken(run_keys::RunKey),
    /// There is no such pipeline or version.
    NoSuchPipeline,
}

/// Inserts until every sender is gone.
pub(crate) async fn run(mut lane: Lane, mut starts: mpsc::Receiver<Start>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while starts.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (runs, replies): (Vec<_>, Vec<_>) = batch.drain(..).map(|start| (start.run, start.done)).unzip();
        match insert(&mut lane, &runs).await {
            Ok(insertions) => {
                for (reply, insertion) in replies.into_iter().zip(insertions) {
                    let _ = reply.send(Ok(insertion));
                }
            }
            // One start that the database will not take must not take the others with it.
            Err(_) => alone(&mut lane, runs, replies).await,
        }
    }
}

type Reply = oneshot::Sender<Result<Insertion, Error>>;

async fn alone(lane: &mut Lane, runs: Vec<NewRun>, replies: Vec<Reply>) {
    for (run, reply) in runs.into_iter().zip(replies) {
        let insertion = insert(lane, std::slice::from_ref(&run)).await;
        let _ = reply.send(insertion.map(|mut one| one.pop().unwrap_or(Insertion::NoSuchPipeline)));
    }
}

async fn insert(lane: &mut Lane, runs: &[NewRun]) -> Result<Vec<Insertion>, Error> {
    loop {
        match try_insert(lane, runs).await {
            Ok(insertions) => {
                lane.succeeded();
                return Ok(insertions);
            }
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
    let mut inserted: std::collections::HashMap<_, _> = runs::insert(client, new)
        .await?
        .into_iter()
        .map(|run| (run.id, run))
        .collect();
    let missing: Vec<_> = new
        .iter()
        .map(|run| run.id)
        .filter(|id| !inserted.contains_key(id))
        .collect();
    if !missing.is_empty() {
        // Those that an earlier try inserted, whose answer was lost.
        inserted.extend(runs::find(client, &missing).await?.into_iter().map(|run| (run.id, run)));
    }
    let mut insertions = Vec::with_capacity(new.len());
    for run in new {
        insertions.push(match inserted.remove(&run.id) {
            Some(run) => Insertion::Inserted(run),
            None => why_not(client, run).await?,
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
