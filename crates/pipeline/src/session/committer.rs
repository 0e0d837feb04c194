//! Group commit: what many runs append while one commit is under way goes into the next one.
//!
//! A run that is alone commits by itself: each task that its append and the answer would pass through makes it wait for its turn, and a
//! runtime lets only a few in a row go on without handing them to another thread.
//!
//! A run whose head somebody keeps locked goes aside, and the others on without it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use gathering_domain::{InstanceId, RunId};
use gathering_persistence::run_journal::{self, Appended, Batch, HeadChange, NewEntry};
use gathering_persistence::{Error, runs};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;

use super::lane::Lane;
use crate::stats::Counters;

/// The most appends in one commit: enough to fill it, few enough that none waits long.
const MAX_BATCH: usize = 1_000;
/// How many connections one batch may lose before it is divided, or refused.
const MAX_LOSSES: u32 = 5;
/// The most bytes in one commit: the driver's limit is 1 GiB, and memory is needed several times over on both sides.
const MAX_BYTES: usize = 16 << 20;
/// How often a batch is looked through for those that somebody keeps from being written, before all of it goes aside.
const MAX_SEARCHES: usize = 3;
/// The pauses between two tries of an append that went aside.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The most nodes that are named when the database refuses their entries.
const MAX_NAMED: usize = 10;

/// What one run wants durable. A run has at most one under way.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) run_id: RunId,
    pub(crate) epoch: i32,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) head: Option<HeadChange>,
}

/// An append that waits for the next commit, and where its answer goes.
pub(crate) type Waiting = (Arc<Append>, oneshot::Sender<Result<(), NotDone>>);

/// Why an append is not durable.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refused {
    /// Another instance holds the run now, or it has ended.
    #[error("the run is not this instance's any more")]
    Fenced,
    /// The database will not take it, however often it is asked.
    #[error("the database refused the entries: {}", .0.log)]
    Rejected(Rejection),
}

/// Why an append was not written with the others.
#[derive(Debug, Clone)]
pub(crate) enum NotDone {
    /// It never will be.
    Refused(Refused),
    /// Somebody has its run locked.
    HeldUp,
}

impl From<Refused> for NotDone {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// What the database will not take, and why.
#[derive(Debug, Clone)]
pub(crate) struct Rejection {
    /// The nodes that the entries are about, without repetition.
    pub(crate) nodes: Vec<Arc<str>>,
    /// Why, in words that may be shown to anybody.
    pub(crate) reason: String,
    /// Why, in the database's own words.
    log: String,
}

impl Rejection {
    fn new(append: &Append, error: &Error) -> Self {
        let mut nodes: Vec<Arc<str>> = Vec::new();
        for node in append.entries.iter().filter_map(|entry| entry.node.as_ref()) {
            if nodes.len() < MAX_NAMED && !nodes.contains(node) {
                nodes.push(node.clone());
            }
        }
        Self {
            nodes,
            reason: error.refusal(),
            log: error.to_string(),
        }
    }
}

/// Where the runs of an instance append.
#[derive(Debug)]
pub(crate) struct Committer {
    owner: InstanceId,
    /// Held by whoever commits.
    lane: Mutex<Lane>,
    /// For those that somebody has locked; it has a connection only while there are any.
    aside: Mutex<Lane>,
    /// How many those are.
    held_up: AtomicUsize,
    counters: Arc<Counters>,
    waiting: mpsc::Sender<Waiting>,
}

impl Committer {
    /// At most so many appends wait; further ones wait for room among them. Those that wait are for [`Committer::run`].
    pub(crate) fn new(
        owner: InstanceId,
        [lane, aside]: [Lane; 2],
        most: usize,
        counters: Arc<Counters>,
    ) -> (Self, mpsc::Receiver<Waiting>) {
        let (waiting, appends) = mpsc::channel(most);
        let committer = Self {
            owner,
            lane: Mutex::new(lane),
            aside: Mutex::new(aside),
            held_up: AtomicUsize::new(0),
            counters,
            waiting,
        };
        (committer, appends)
    }

    /// Returns once it is durable, or never will be.
    ///
    /// On the heap for as long as it lasts: each run in memory would else keep room for it.
    pub(crate) fn append(&self, append: Append) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            let append = Arc::new(append);
            match self.append_with_others(&append).await {
                Err(NotDone::HeldUp) => self.insist(&append).await,
                Err(NotDone::Refused(refused)) => Err(refused),
                Ok(()) => Ok(()),
            }
        })
    }

    async fn append_with_others(&self, append: &Arc<Append>) -> Result<(), NotDone> {
        if self.waiting.capacity() == self.waiting.max_capacity()
            && let Ok(mut lane) = self.lane.try_lock()
        {
            let results = self.commit(&mut lane, std::slice::from_ref(append)).await;
            return results.into_iter().next().unwrap_or(Err(Refused::Fenced.into()));
        }
        let (done, answer) = oneshot::channel();
        // Both fail only when the session ends; then this run is not ours any more either.
        if self.waiting.send((append.clone(), done)).await.is_err() {
            return Err(Refused::Fenced.into());
        }
        answer.await.unwrap_or(Err(Refused::Fenced.into()))
    }

    /// Tries again for as long as somebody has the run locked.
    async fn insist(&self, append: &Append) -> Result<(), Refused> {
        tracing::warn!(
            run_id = %append.run_id,
            "somebody keeps the head of the run locked, see pg_stat_activity: the run waits for that, the others go on"
        );
        let _counted = Counted::one_more(&self.held_up);
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let mut lane = self.aside.lock().await;
            let result = commit_alone(self.owner, &mut lane, append).await;
            if !matches!(result, Err(NotDone::HeldUp)) || self.held_up.load(Ordering::Relaxed) == 1 {
                lane.lost();
            }
            match result {
                Err(NotDone::HeldUp) => {}
                Err(NotDone::Refused(refused)) => return Err(refused),
                Ok(()) => {
                    tracing::info!(run_id = %append.run_id, "the head of the run is free again: the run goes on");
                    return Ok(());
                }
            }
        }
    }

    async fn commit(&self, lane: &mut Lane, appends: &[Arc<Append>]) -> Vec<Result<(), NotDone>> {
        let begun = Instant::now();
        let results = commit(self.owner, lane, appends).await;
        self.counters.commit(appends.len(), begun.elapsed());
        results
    }

    /// Commits what waits, until dropped.
    pub(crate) async fn run(&self, mut appends: mpsc::Receiver<Waiting>) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while appends.recv_many(&mut batch, MAX_BATCH).await > 0 {
            let (all, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
            let (mut all, mut answers) = (all.as_slice(), answers.into_iter());
            while !all.is_empty() {
                let (few, rest) = all.split_at(fitting(all));
                let results = self.commit(&mut *self.lane.lock().await, few).await;
                for (result, done) in results.into_iter().zip(answers.by_ref()) {
                    let _ = done.send(result);
                }
                all = rest;
            }
        }
    }
}

/// One of those that are held up, until dropped.
struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    fn one_more(count: &'c AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many of the first appends go into one statement: as many as stay within its bytes, at least one.
fn fitting(appends: &[Arc<Append>]) -> usize {
    let mut bytes = 0;
    let fits = appends.iter().take_while(|append| {
        bytes += append
            .entries
            .iter()
            .map(|entry| entry.data.as_ref().map_or(0, String::len))
            .sum::<usize>();
        bytes += append
            .head
            .as_ref()
            .and_then(|head| head.output.as_ref())
            .map_or(0, |output| output.text().len());
        bytes <= MAX_BYTES
    });
    fits.count().max(1)
}

/// One result per append, in their order.
async fn commit(owner: InstanceId, lane: &mut Lane, appends: &[Arc<Append>]) -> Vec<Result<(), NotDone>> {
    let all: Vec<&Append> = appends.iter().map(AsRef::as_ref).collect();
    let (free, written) = write_free(owner, lane, all).await;
    let free: HashSet<RunId> = free.iter().map(|append| append.run_id).collect();
    let mut results = Vec::with_capacity(appends.len());
    for append in appends {
        results.push(if !free.contains(&append.run_id) {
            Err(NotDone::HeldUp)
        } else if let Ok(Appended::All) = written {
            Ok(())
        } else {
            // Some were fenced, or one of them made the whole statement fail. Both are rare, so each is asked for by itself.
            commit_alone(owner, lane, append).await
        });
    }
    results
}

/// Writes those that nobody has locked, which it gives, with what came of it.
async fn write_free<'a>(
    owner: InstanceId,
    lane: &mut Lane,
    mut appends: Vec<&'a Append>,
) -> (Vec<&'a Append>, Result<Appended, Error>) {
    for _ in 0..MAX_SEARCHES {
        match write(owner, lane, &appends).await {
            Err(error) if error.is_lock_timeout() => {}
            written => return (appends, written),
        }
        match unlocked(lane, &appends).await {
            Ok(free) => appends.retain(|append| free.contains(&append.run_id)),
            Err(error) => return (appends, Err(error)),
        }
        if appends.is_empty() {
            break;
        }
    }
    (Vec::new(), Ok(Appended::All))
}

/// Those whose heads nobody has locked. Where the whole table is, that is waited for, as by everybody.
async fn unlocked(lane: &mut Lane, appends: &[&Append]) -> Result<HashSet<RunId>, Error> {
    let ids: Vec<RunId> = appends.iter().map(|append| append.run_id).collect();
    loop {
        let found = match lane.connection().await {
            Ok(connection) => runs::unlocked(connection, &ids).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(free) => return Ok(free.into_iter().collect()),
            Err(error) if lane.recovers_from(&error).await => {}
            Err(error) => return Err(error),
        }
    }
}

async fn commit_alone(owner: InstanceId, lane: &mut Lane, append: &Append) -> Result<(), NotDone> {
    if is_durable(lane, append).await? {
        return Ok(());
    }
    match write(owner, lane, &[append]).await {
        Ok(Appended::All) => Ok(()),
        Ok(Appended::Some) => Err(Refused::Fenced.into()),
        Err(error) if error.is_unique_violation() => Err(Refused::Fenced.into()),
        Err(error) if error.is_lock_timeout() => Err(NotDone::HeldUp),
        Err(error) => Err(Refused::Rejected(Rejection::new(append, &error)).into()),
    }
}

/// Whether an earlier try was committed and only its answer lost: its last entry then stands there under this very epoch.
async fn is_durable(lane: &mut Lane, append: &Append) -> Result<bool, Refused> {
    let Some(last) = append.entries.last() else {
        return Ok(false);
    };
    loop {
        let found = match lane.connection().await {
            Ok(connection) => run_journal::has_entry(connection, append.run_id, last.seq, append.epoch).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => return Ok(found),
            Err(error) if lane.recovers_from(&error).await => {}
            Err(error) => return Err(Refused::Rejected(Rejection::new(append, &error))),
        }
    }
}

/// One statement; tried again for as long as the database is away, but not where somebody has locked what it needs.
async fn write(owner: InstanceId, lane: &mut Lane, appends: &[&Append]) -> Result<Appended, Error> {
    let batch = Batch {
        entries: appends
            .iter()
            .flat_map(|append| append.entries.iter().cloned())
            .collect(),
        heads: appends.iter().filter_map(|append| append.head.clone()).collect(),
    };
    let mut losses = 0;
    loop {
        let result = match lane.connection().await {
            Ok(connection) => {
                let appended = run_journal::append(connection, owner, &batch).await;
                losses += u32::from(appended.is_err());
                appended
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(appended) => {
                lane.succeeded();
                return Ok(appended);
            }
            Err(error) if error.is_lock_timeout() => return Err(error),
            // The database can be reached, and it is always this batch that loses the connection.
            Err(error) if losses >= MAX_LOSSES => return Err(error),
            Err(error) if lane.recovers_from(&error).await => {}
            Err(error) => return Err(error),
        }
    }
}
