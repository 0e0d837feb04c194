//! Starts through an engine that does not work: they share commits as well, although no task of the engine is there to collect them.
//!
//! Whoever asks joins a line. The first one writes what stands in line, and those behind wait for their answers or for their turn to write.

use std::sync::{Arc, Mutex, PoisonError};

use gathering_persistence::Error;
use gathering_persistence::runs::NewRun;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::limits::Limits;
use crate::session::starter::{self, Insertion};
use crate::shared::Shared;
use crate::start::overloaded;

/// The most starts in one commit.
const MAX_BATCH: usize = 500;

/// What the room of waiting starts is counted in, in bytes; about what one takes beside its input.
const START_UNIT: usize = 1024;

/// Bytes in units, rounded up; at least one.
fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(START_UNIT)).unwrap_or(u32::MAX).max(1)
}

/// The line of starts, and the room for all that wait for their commit, here or in a session.
#[derive(Debug)]
pub(crate) struct Queuing {
    /// In units of [`START_UNIT`].
    room: Arc<Semaphore>,
    pub(crate) line: Mutex<Vec<Waiting>>,
    /// Held by whoever writes.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    run: NewRun,
    done: oneshot::Sender<Result<Insertion, Error>>,
    /// Given back with the answer.
    room: OwnedSemaphorePermit,
}

impl Queuing {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            room: Arc::new(Semaphore::new(units(limits.max_waiting_start_bytes) as usize)),
            line: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl Shared {
    /// Room for one more start with an input of so many bytes to wait for its commit; an input that is larger than all of the room
    /// waits alone.
    pub(crate) fn room_to_start(&self, bytes: usize) -> Result<OwnedSemaphorePermit, crate::Error> {
        let all = units(self.limits.max_waiting_start_bytes);
        let room = self.queuing.room.clone().try_acquire_many_owned(units(bytes).min(all));
        room.map_err(|_full| overloaded())
    }

    /// Inserts a run, together with what others insert at the same time.
    pub(crate) async fn queue(&self, run: &NewRun) -> Result<Insertion, crate::Error> {
        loop {
            let answer = self.stand_in_line(run)?;
            if let Some(insertion) = self.await_or_write(answer).await {
                return Ok(insertion?);
            }
            // Whoever wrote this run was dropped meanwhile. Perhaps it is there; it is asked for again under the same id.
        }
    }

    fn stand_in_line(&self, run: &NewRun) -> Result<oneshot::Receiver<Result<Insertion, Error>>, crate::Error> {
        let room = self.room_to_start(run.input.text().len())?;
        let (done, answer) = oneshot::channel();
        let mut line = self.queuing.line.lock().unwrap_or_else(PoisonError::into_inner);
        if line.len() >= self.limits.max_waiting_starts.max(1) {
            return Err(overloaded());
        }
        line.push(Waiting {
            run: run.clone(),
            done,
            room,
        });
        Ok(answer)
    }

    /// What became of a run that stands in line; `None` when its writer did not live to tell.
    async fn await_or_write(
        &self,
        mut answer: oneshot::Receiver<Result<Insertion, Error>>,
    ) -> Option<Result<Insertion, Error>> {
        loop {
            tokio::select! {
                biased;
                insertion = &mut answer => return insertion.ok(),
                _turn = self.queuing.turn.lock() => self.write_some().await,
            }
        }
    }

    /// Writes the first ones in line.
    async fn write_some(&self) {
        let (runs, replies): (Vec<_>, Vec<_>) = self
            .next_in_line()
            .into_iter()
            .map(|waiting| (waiting.run, (waiting.done, waiting.room)))
            .unzip();
        let insertions = self.insert_each(&runs).await;
        for ((done, room), insertion) in replies.into_iter().zip(insertions) {
            if let Ok(Insertion::Inserted(_)) = &insertion {
                self.counters.started.one();
            }
            drop(room);
            let _ = done.send(insertion);
        }
    }

    fn next_in_line(&self) -> Vec<Waiting> {
        let mut line = self.queuing.line.lock().unwrap_or_else(PoisonError::into_inner);
        // Whose caller went away is not started when somebody else comes, who knows how much later.
        line.retain(|waiting| !waiting.done.is_closed());
        let count = line.len().min(MAX_BATCH);
        line.drain(..count).collect()
    }

    /// One start that the database will not take must not take the others with it: then each is tried by itself.
    async fn insert_each(&self, runs: &[NewRun]) -> Vec<Result<Insertion, Error>> {
        match self.insert(runs).await {
            Ok(insertions) => insertions.into_iter().map(Ok).collect(),
            Err(error) if error.is_unavailable() => runs.iter().map(|_| Err(error.clone())).collect(),
            Err(_) => {
                let mut insertions = Vec::with_capacity(runs.len());
                for run in runs {
                    let one = self.insert(std::slice::from_ref(run)).await;
                    insertions.push(one.map(|mut one| one.pop().unwrap_or(Insertion::NoSuchPipeline)));
                }
                insertions
            }
        }
    }

    async fn insert(&self, runs: &[NewRun]) -> Result<Vec<Insertion>, Error> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        starter::insert_in(&self.connection().await?, runs).await
    }
}
