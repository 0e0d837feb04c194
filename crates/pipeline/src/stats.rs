//! What an engine has done and what it has at hand, in numbers.

use std::sync::PoisonError;
use std::time::Duration;

use gathering_domain::RunStatus;
use gathering_domain::measure::{Counter, Histogram, Spread};
use gathering_domain::node_event::NodeEvent;
use gathering_domain::planner::AttemptResult;
use gathering_domain::run_state::Outcome;
use gathering_persistence::runs;

use crate::{Engine, Error};

/// How many appends share a commit.
const BATCHES: &[u64] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
/// How long a commit takes, in microseconds.
const COMMITS: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
];

/// What an engine has done since it was built, over all its sessions, and what it has at hand now.
///
/// The numbers are of this engine alone; those of several instances are to be added.
#[derive(Debug, Clone)]
pub struct EngineStats {
    /// Runs that were started through this engine; of those in a caller's own transaction only the ones in a [`StartBatch`](crate::StartBatch).
    pub runs_started: u64,
    /// Queued and waiting runs that it took from the database.
    pub runs_claimed: u64,
    /// Runs of instances that died, or were taken for dead.
    pub runs_taken_over: u64,
    /// Runs that it ended, by their final status; a cancelled one counts where it was cancelled.
    pub runs_ended: [(RunStatus, u64); 4],
    /// Attempts that are over, by what they came to.
    pub attempts: AttemptStats,
    /// Failed attempts after which another one was planned.
    pub retries: u64,
    /// Nodes that it put into quarantine.
    pub nodes_quarantined: u64,
    /// How many appends shared each commit.
    pub commit_batches: Spread,
    /// How long each commit took, in microseconds, with the round trip.
    pub commit_micros: Spread,
    /// Runs in memory.
    pub runs_in_memory: usize,
    /// The most of them.
    pub max_runs_in_memory: usize,
    /// Starts that wait for their turn to be committed.
    pub waiting_starts: usize,
    /// Attempts under way.
    pub attempts_under_way: usize,
    /// Circuit breakers that hold calls back, of those that this engine uses and as far as it knows.
    pub breakers_open: usize,
}

/// Attempts that are over, by what they came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptStats {
    /// With an output.
    pub completed: u64,
    /// With an error, one of a breaker included.
    pub failed: u64,
    /// Over their timeout.
    pub timed_out: u64,
    /// Not made, because a breaker was open: they are still to come.
    pub held: u64,
}

/// What is counted on the way.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) started: Counter,
    pub(crate) claimed: Counter,
    pub(crate) taken_over: Counter,
    completed: Counter,
    failed: Counter,
    pub(crate) cancelled: Counter,
    timed_out: Counter,
    attempts_completed: Counter,
    attempts_failed: Counter,
    attempts_timed_out: Counter,
    attempts_held: Counter,
    retries: Counter,
    quarantined: Counter,
    batches: Histogram,
    commits: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            started: Counter::default(),
            claimed: Counter::default(),
            taken_over: Counter::default(),
            completed: Counter::default(),
            failed: Counter::default(),
            cancelled: Counter::default(),
            timed_out: Counter::default(),
            attempts_completed: Counter::default(),
            attempts_failed: Counter::default(),
            attempts_timed_out: Counter::default(),
            attempts_held: Counter::default(),
            retries: Counter::default(),
            quarantined: Counter::default(),
            batches: Histogram::new(BATCHES),
            commits: Histogram::new(COMMITS),
        }
    }
}

impl Counters {
    /// A run ended here, and that is durable.
    pub(crate) fn ended(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Completed { .. } => self.completed.one(),
            Outcome::Failed { .. } => self.failed.one(),
            Outcome::Cancelled { .. } => self.cancelled.one(),
            Outcome::TimedOut { .. } => self.timed_out.one(),
        }
    }

    pub(crate) fn attempt(&self, result: &AttemptResult) {
        match result {
            AttemptResult::Output(_) => self.attempts_completed.one(),
            AttemptResult::Failed { .. } | AttemptResult::Refused { .. } => self.attempts_failed.one(),
            AttemptResult::TimedOut { .. } => self.attempts_timed_out.one(),
            AttemptResult::Held { .. } => self.attempts_held.one(),
            // Not over: another instance makes them.
            AttemptResult::Interrupted | AttemptResult::Lost { .. } | AttemptResult::PresumedLost => {}
        }
    }

    /// What became of a node, when it is noted for the journal.
    pub(crate) fn node(&self, event: &NodeEvent) {
        if let NodeEvent::AttemptFailed { .. } = event {
            self.retries.one();
        } else if let NodeEvent::Quarantined { .. } = event {
            self.quarantined.one();
        }
    }

    pub(crate) fn commit(&self, appends: usize, took: Duration) {
        self.batches.see(appends as u64);
        self.commits.see(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

impl Engine {
    /// What it has done and has at hand; this reads numbers from memory only.
    pub fn stats(&self) -> EngineStats {
        let (counters, limits) = (&self.shared.counters, &self.shared.limits);
        let session = self.current();
        let session = session.as_ref();
        let used = |most: usize, left: usize| most.saturating_sub(left);
        EngineStats {
            runs_started: counters.started.get(),
            runs_claimed: counters.claimed.get(),
            runs_taken_over: counters.taken_over.get(),
            runs_ended: [
                (RunStatus::Completed, counters.completed.get()),
                (RunStatus::Failed, counters.failed.get()),
                (RunStatus::Cancelled, counters.cancelled.get()),
                (RunStatus::TimedOut, counters.timed_out.get()),
            ],
            attempts: AttemptStats {
                completed: counters.attempts_completed.get(),
                failed: counters.attempts_failed.get(),
                timed_out: counters.attempts_timed_out.get(),
                held: counters.attempts_held.get(),
            },
            retries: counters.retries.get(),
            nodes_quarantined: counters.quarantined.get(),
            commit_batches: counters.batches.read(),
            commit_micros: counters.commits.read(),
            runs_in_memory: session.map_or(0, |session| used(limits.max_runs, session.slots.available_permits())),
            max_runs_in_memory: limits.max_runs,
            waiting_starts: session.map_or(0, |session| {
                used(session.starts.max_capacity(), session.starts.capacity())
            }) + self.shared.queuing.len(),
            attempts_under_way: session.map_or(0, |session| {
                used(limits.max_attempts.max(1), session.attempts.available_permits())
            }),
            breakers_open: session.map_or(0, |session| session.breakers.open()),
        }
    }

    /// How many runs are queued in the database, for any instance; counted up to `most`, so that it costs little however many there are.
    pub async fn queued_runs(&self, most: u32) -> Result<u64, Error> {
        Ok(runs::count_queued(&self.shared.connection().await?, most).await?)
    }
}

impl crate::queuing::Queuing {
    fn len(&self) -> usize {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
