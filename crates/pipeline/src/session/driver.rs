//! Drives one run: plans, starts attempts, makes what they came to durable, and plans again.

mod appending;
mod deciding;
mod holding;
mod holds;
mod leaving;
mod recovering;

use std::sync::Arc;

use futures::future::BoxFuture;
use gathering_domain::Clock as _;
use gathering_domain::node_event::NodeEvent;
use gathering_domain::pipeline::{NodeIx, NodeKind, Pipeline};
use gathering_domain::planner::{AttemptEnd, AttemptResult, Plan, Start};
use gathering_domain::progress::Progress;
use gathering_domain::run_state::{Outcome, RunState};
use gathering_persistence::Safety;
use gathering_persistence::run_journal::{EntryRow, NewEntry};
use gathering_persistence::runs::ClaimedRun;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Session;
use super::attempt;
use super::attempts::Attempts;
use super::committer::Refused;
use super::decisions::Decisions;
use super::held_back::HeldBack;
use super::holder::Reins;
use super::recovery::{self, Before, Losses};
use super::run_clock::RunClock;
use super::spans;
use crate::handler::Call;
use holding::one_is_free;
use holds::Holds;
use recovering::has_room;

/// The most nodes that are decided before other runs get their turn.
const MAX_DECISIONS: usize = 16;

/// A run in memory.
pub(crate) struct Driver {
    session: Arc<Session>,
    run: ClaimedRun,
    pipeline: Arc<Pipeline>,
    state: RunState,
    progress: Progress,
    /// The number of the last durable entry.
    seq: i32,
    /// Decided, not yet durable.
    pending: Vec<NewEntry>,
    /// Whether what attempts came to is among it: then it is made durable before another attempt starts, or anything is waited for.
    unsaved: bool,
    attempts: Attempts,
    /// What breakers hold back.
    holds: Holds,
    /// The size of the journal, with what is pending.
    bytes: usize,
    /// Whether more can be decided at once.
    more: bool,
    /// Once an instance took this run over: then attempts are journaled before they start, to find a node that kills its process.
    watch: Option<Box<HeldBack>>,
    /// What is to be presumed of the attempts that are due first: they were under way, and nobody wrote that down.
    presumed: Option<Before>,
    cancelled: CancellationToken,
    /// What somebody decided about its nodes in quarantine.
    decisions: Arc<Decisions>,
    deadline: Option<Timestamp>,
    clock: RunClock,
}

/// Why a run leaves the memory.
#[derive(Debug)]
pub(crate) enum Leave {
    /// It ended, or waits in the database.
    Done,
    /// Somebody cancelled it; its row says so already.
    Cancelled,
    /// The instance shuts down; the run goes back to the queue.
    Draining,
    /// It could not be written.
    Refused(Refused),
}

impl Driver {
    /// A run as its journal left it.
    pub(crate) fn resume(
        session: Arc<Session>,
        run: ClaimedRun,
        pipeline: Arc<Pipeline>,
        journal: &[EntryRow],
        reins: Reins,
    ) -> Result<Box<Self>, gathering_persistence::Error> {
        let progress = recovery::replay(&run, &pipeline, journal)?;
        let losses = Losses::read(journal);
        let watch = || Box::new(HeldBack::new(losses.suspects(&pipeline), &session.shared.limits));
        let deadline = pipeline
            .timeout
            .and_then(|timeout| run.started_at.checked_add(timeout).ok());
        let clock = RunClock::new(session.shared.clock.clone(), &run, journal);
        // On the heap: what waits for it would else keep room for it once more.
        Ok(Box::new(Self {
            clock,
            state: RunState::Running {
                owner: session.instance,
            },
            seq: journal.last().map_or(0, |row| row.seq),
            pending: Vec::new(),
            unsaved: false,
            bytes: journal
                .iter()
                .map(|row| row.data.as_ref().map_or(0, |data| data.text().len()))
                .sum(),
            more: false,
            holds: Holds::of(run.project_id, &progress),
            attempts: Attempts::new(
                session.shared.limits.max_attempts_per_run,
                session.attempts.clone(),
                session.pace.clone(),
            ),
            watch: losses.is_watched().then(watch),
            presumed: losses.is_passed_on().then_some(Before::Dead),
            cancelled: reins.stop,
            decisions: reins.decisions,
            deadline,
            progress,
            pipeline,
            run,
            session,
        }))
    }

    /// Drives the run until it leaves the memory.
    pub(crate) async fn drive(mut self: Box<Self>) -> Leave {
        let left = self.turns().await.unwrap_or_else(Leave::Refused);
        self.cancelled.cancel();
        self.attempts.shutdown(self.session.shared.limits.cancel_grace).await;
        left
    }

    async fn turns(&mut self) -> Result<Leave, Refused> {
        loop {
            if self.cancelled.is_cancelled() {
                return Ok(Leave::Cancelled);
            }
            if self.deadline.is_some_and(|deadline| deadline <= self.now()) {
                return self.end(self.timed_out()).await;
            }
            if self.bytes > self.session.shared.limits.max_run_bytes {
                self.pending.clear();
                return self.end(self.too_large()).await;
            }
            // Looked at once in a turn: a drain that begins during it is waited for at its end, and found there.
            let draining = self.session.draining.is_cancelled();
            if draining && self.attempts.is_empty() {
                self.flush().await?;
                return Ok(Leave::Draining);
            }
            self.take_decisions().await?;
            if !draining && let Some(outcome) = self.plan().await? {
                return self.end(outcome).await;
            }
            if self.more && !draining {
                self.flush_if_it_should().await?;
                tokio::task::yield_now().await;
                continue;
            }
            if self.is_idle() && self.may_rest() {
                return self.release().await;
            }
            if self.must_flush() {
                self.flush().await?;
            }
            self.await_something(draining).await;
        }
    }

    /// Decides what can be decided and starts what can start; gives the outcome once there is one.
    async fn plan(&mut self) -> Result<Option<Outcome>, Refused> {
        let now = self.now();
        let Plan {
            records,
            starts,
            outcome,
            more,
        } = self.progress.next_few(now, MAX_DECISIONS);
        self.more = more;
        for (node, event) in &records {
            self.note(*node, event, now);
        }
        if let Some(before) = self.presumed {
            self.presume(before, &starts, now);
            return Ok(outcome);
        }
        let starts = self.hold_back(starts);
        if self.watch.is_some() {
            self.start_watched(starts).await?;
            return Ok(outcome);
        }
        if self.unsaved && !starts.is_empty() && !Safety::DurableBeforeEffect.is_off() {
            self.flush().await?;
        }
        let alone = starts.len() == 1 && !more && self.attempts.is_empty();
        for start in starts {
            if let Some(attempting) = self.attempting(start) {
                self.attempts.start(attempting, alone).await;
            }
        }
        Ok(outcome)
    }

    /// The attempt's future, which has not begun; only action nodes have one.
    fn attempting(
        &self,
        Start { node, attempt, config }: Start,
    ) -> Option<impl Future<Output = AttemptEnd> + Send + 'static> {
        let definition = &self.pipeline.nodes[node];
        let NodeKind::Action { handler, .. } = &definition.kind else {
            return None;
        };
        let call = Call {
            run_id: self.run.id,
            node: definition.id.clone(),
            attempt: attempt.number,
            idempotency_key: format!("{}/{}", self.run.id, definition.id),
            config,
            trace: self
                .run
                .trace
                .as_ref()
                .map(|run| run.child(&*self.session.shared.entropy)),
            cancelled: self.cancelled.child_token(),
        };
        let span = spans::attempt(&call, self.run.trace.as_ref());
        let shared = &self.session.shared;
        let guard = self.guard(node, &call.config);
        // On the heap once, rather than in each of the futures around it.
        let running = Box::pin(attempt::run(
            shared.handlers.get(handler).cloned(),
            call,
            definition.timeout,
            shared.limits.max_output_bytes,
        ));
        let running: BoxFuture<'static, AttemptResult> = match guard {
            None => running,
            Some(guard) => Box::pin(guard.run(running)),
        };
        let is_seen = !span.is_disabled();
        let ending = async move {
            let result = running.await;
            if is_seen {
                spans::end_attempt(&result);
            }
            AttemptEnd { node, attempt, result }
        };
        Some(ending.instrument(span))
    }

    /// Waits for an attempt, a timer, the run's deadline, the drain or a decision, and takes in what came of it. `drains` is whether this turn knew of the
    /// drain: one that it did not know of ends the wait.
    async fn await_something(&mut self, drains: bool) {
        let pause = self.until_wake(drains);
        let draining = self.session.draining.clone();
        let ended = tokio::select! {
            // First, because usually it is there already: then no timer is set and no list of waiters locked. Nothing starves: the others
            // are looked at with every turn.
            biased;
            ended = self.attempts.ended() => ended,
            () = self.cancelled.cancelled() => return,
            () = draining.cancelled(), if !drains => return,
            () = self.decisions.arrived() => return,
            () = tokio::time::sleep(pause) => return,
            () = has_room(self.watch.as_deref_mut()), if !drains => return,
            () = one_is_free(&self.session.breakers, &self.holds, &self.clock), if !drains => {
                return self.ring_held();
            }
        };
        for end in ended {
            self.take_end(end);
        }
    }

    /// Takes in what an attempt came to. That a node is still held, the journal need not be told again.
    fn take_end(&mut self, end: AttemptEnd) {
        let (node, now) = (end.node, self.now());
        self.session.shared.counters.attempt(&end.result);
        if let Some(watch) = &mut self.watch {
            watch.note_end(node);
        }
        let is_known = self.holds.take(self.run.project_id, &end, now);
        let event = self.progress.settle(end, now, self.chance());
        if !is_known {
            self.note(node, &event, now);
            self.unsaved = true;
        }
        // Known here before it is durable, so that what follows without another attempt goes into the same append.
        self.take_in(node, &event, now);
    }

    fn take_in(&mut self, node: NodeIx, event: &NodeEvent, at: Timestamp) {
        // The planner started these attempts, so the table takes what they came to.
        let applied = self.progress.apply(node, event, at);
        debug_assert!(applied.is_ok(), "{applied:?}");
    }

    fn until_wake(&self, drains: bool) -> std::time::Duration {
        /// A timer further away than this is looked at again then.
        const LONGEST: SignedDuration = SignedDuration::from_hours(1);
        if drains {
            // Nothing new begins, so no timer matters; only attempts under way do.
            return LONGEST.unsigned_abs();
        }
        let wait = self.wake_at().map_or(LONGEST, |at| {
            at.duration_since(self.now()).clamp(SignedDuration::ZERO, LONGEST)
        });
        // A little late rather than a little early, which would only make another turn.
        wait.unsigned_abs() + std::time::Duration::from_millis(1)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A random number in [0, 1), from 53 random bits: as many as an `f64` holds.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    fn chance(&self) -> f64 {
        let mut bytes = [0; 8];
        self.session.shared.entropy.fill(&mut bytes);
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
