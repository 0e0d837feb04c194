//! One life of an instance: from registering it until it stops, or until the others may think it dead.

mod attempt;
mod attempts;
mod breakers;
mod claimer;
pub(crate) mod committer;
pub(crate) mod decisions;
mod driver;
pub(crate) mod excluded;
mod held_back;
pub(crate) mod holder;
pub(crate) mod lane;
mod passing;
pub(crate) mod presence;
pub(crate) mod promised;
mod queue_place;
pub(crate) mod recovery;
mod run_clock;
mod spans;
pub(crate) mod starter;
mod trials;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gathering_domain::InstanceId;
use gathering_persistence::{partitions, runs, schema};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::shared::Shared;
use lane::{Lane, Patience};

/// What the tasks of a session share.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) instance: InstanceId,
    pub(crate) shared: Arc<Shared>,
    /// Runs are driven here, whoever starts them: a worker of an HTTP server must not end up with them.
    pub(crate) runtime: Handle,
    pub(crate) committer: committer::Committer,
    pub(crate) starts: mpsc::Sender<starter::Start>,
    pub(crate) breakers: breakers::Breakers,
    pub(crate) steady: presence::Steady,
    /// One permit per run in memory.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) held: holder::Held,
    /// How many runs it claimed and passed on.
    pub(crate) passed_on: AtomicUsize,
    /// Room for attempts under way.
    pub(crate) attempts: Arc<Semaphore>,
    /// How handlers come back.
    pub(crate) pace: Arc<attempts::Pace>,
    /// Keeps nodes apart that are suspected of killing their processes.
    pub(crate) trials: trials::Trials,
    /// Whether a statement that claims may have done so without our knowing.
    pub(crate) claims_lost: AtomicBool,
    /// What others' transactions may have inserted as this instance's own.
    pub(crate) untold: promised::AllUntold,
    /// Wakes the claimer.
    pub(crate) wake: Notify,
    pub(crate) queue_place: queue_place::QueuePlace,
    /// Whether the queue may hold runs that there was no room for.
    pub(crate) backlog: AtomicBool,
    /// Fires when no new work is to begin: attempts under way may end.
    pub(crate) draining: CancellationToken,
    /// Fires when everything is to be dropped at once.
    pub(crate) dropped: CancellationToken,
    pub(crate) drivers: TaskTracker,
    services: TaskTracker,
}

/// How long a stopping instance tries to tell the database; others find out without it too.
const LEAVE_LIMIT: Duration = Duration::from_secs(3);

fn silent() -> gathering_persistence::Error {
    gathering_persistence::Error::Unavailable(": no answer in time".to_owned())
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was told to.
    Stopped,
    /// It could not show for too long that it lives: others take over its runs.
    Fenced,
}

impl Session {
    /// Registers a new instance and starts its tasks.
    pub(crate) async fn begin(
        shared: Arc<Shared>,
        stop: &CancellationToken,
    ) -> Result<(Arc<Self>, presence::Presence), Error> {
        schema::check_pipelines(&shared.connection().await?).await?;
        let instance = InstanceId::new(shared.clock.now(), &*shared.entropy);
        let presence = presence::Presence::register(&shared, instance).await?;
        let client = shared.connection().await?;
        if partitions::ensure(&client, shared.clock.now()).await?.is_none() {
            tracing::warn!(
                "somebody reads the tables of runs, so weeks are not made ahead now; it is tried again in a minute"
            );
        }
        drop(client);
        let (starts, started) = mpsc::channel(shared.limits.max_waiting_starts.max(1));
        let (breakers, asked) = breakers::Breakers::new();
        let dropped = CancellationToken::new();
        let lane = |patience| Lane::new(shared.pool.clone(), dropped.clone(), patience);
        let lanes = [lane(Patience::Little), lane(Patience::Least)];
        let most = shared.limits.max_runs.clamp(1, 100_000);
        let (committer, appends) = committer::Committer::new(instance, lanes, most, shared.counters.clone());
        let session = Arc::new(Self {
            instance,
            steady: presence.steady.clone(),
            runtime: Handle::current(),
            committer,
            starts,
            breakers,
            slots: Arc::new(Semaphore::new(shared.limits.max_runs)),
            held: holder::Held::default(),
            passed_on: AtomicUsize::new(0),
            attempts: Arc::new(Semaphore::new(shared.limits.max_attempts.max(1))),
            pace: Arc::default(),
            trials: trials::Trials::default(),
            claims_lost: AtomicBool::new(false),
            untold: promised::AllUntold::default(),
            wake: Notify::new(),
            queue_place: queue_place::QueuePlace::default(),
            backlog: AtomicBool::new(true),
            draining: stop.child_token(),
            drivers: TaskTracker::new(),
            services: TaskTracker::new(),
            shared,
            dropped,
        });
        session.serve(appends, started, asked);
        tracing::info!(instance_id = %instance, "instance started");
        Ok((session, presence))
    }

    fn serve(
        self: &Arc<Self>,
        appends: mpsc::Receiver<committer::Waiting>,
        started: mpsc::Receiver<starter::Start>,
        asked: mpsc::Receiver<breakers::Ask>,
    ) {
        let stop = self.dropped.clone();
        let session = self.clone();
        let committing = async move { session.committer.run(appends).await };
        self.services.spawn(stop.clone().run_until_cancelled_owned(committing));
        self.services.spawn(stop.clone().run_until_cancelled_owned(starter::run(
            self.clone(),
            self.lane(Patience::More),
            started,
        )));
        self.services
            .spawn(stop.run_until_cancelled_owned(breakers::run(self.clone(), asked)));
    }

    fn lane(&self, patience: Patience) -> Lane {
        Lane::new(self.shared.pool.clone(), self.dropped.clone(), patience)
    }

    /// Looks for work, and after the partitions, until the session ends.
    pub(crate) fn go_on(self: &Arc<Self>) {
        let stop = self.dropped.clone();
        self.services.spawn(
            stop.clone()
                .run_until_cancelled_owned(claimer::run(self.clone(), self.lane(Patience::Little))),
        );
        self.services
            .spawn(stop.run_until_cancelled_owned(upkeep::run(self.clone())));
    }

    /// Works on what is due now, until nothing is any more. Gives how many runs it took, without those that it cannot do.
    pub(crate) async fn work_off(self: &Arc<Self>) -> Result<usize, Error> {
        let (mut all, mut lane) = (0, self.lane(Patience::Little));
        while !self.dropped.is_cancelled() {
            let claimed = self.claim_once(&mut lane).await?;
            if claimed == 0 {
                break;
            }
            all += claimed;
            // Closing only lets the wait end once all have left; the next claim launches into it all the same.
            self.drivers.close();
            self.drivers.wait().await;
        }
        Ok(all.saturating_sub(self.passed_on.load(Ordering::Acquire)))
    }

    /// Works until told to stop or fenced; then nothing of this session is left.
    pub(crate) async fn run(
        self: Arc<Self>,
        mut presence: presence::Presence,
        deadline: &crate::handle::Deadline,
    ) -> End {
        let end = tokio::select! {
            () = self.draining.cancelled() => End::Stopped,
            () = presence.keep(&self) => End::Fenced,
        };
        if end == End::Stopped {
            self.drain(&mut presence, deadline).await;
        } else {
            tracing::error!(instance_id = %self.instance, "the heartbeat failed for longer than the grace: every run is dropped, others go on with them");
        }
        self.dropped.cancel();
        self.drivers.close();
        self.drivers.wait().await;
        self.services.close();
        self.services.wait().await;
        if end == End::Stopped {
            self.hand_back(presence).await;
        }
        end
    }

    /// Lets attempts under way end, up to the deadline; the heartbeat goes on meanwhile.
    async fn drain(&self, presence: &mut presence::Presence, deadline: &crate::handle::Deadline) {
        self.drivers.close();
        tokio::select! {
            () = self.drivers.wait() => {}
            () = deadline.passed() => tracing::warn!(runs = self.drivers.len(), "the shutdown deadline passed with attempts under way; they are dropped"),
            () = presence.keep(self) => {}
        }
    }

    async fn hand_back(&self, presence: presence::Presence) {
        let handed_back = async {
            breakers::free_probes(self, &[self.instance]).await?;
            let client = self.shared.connection().await?;
            runs::hand_back(&client, self.instance).await
        };
        match tokio::time::timeout(LEAVE_LIMIT, handed_back)
            .await
            .unwrap_or_else(|_| Err(silent()))
        {
            Ok(count) => {
                tracing::info!(instance_id = %self.instance, runs = count, "instance stopped; unfinished runs are back in the queue");
            }
            // Nothing is lost: the others find them as the runs of a dead instance.
            Err(error) => {
                tracing::warn!(%error, "unfinished runs could not be handed back; they are taken over after the grace");
            }
        }
        if tokio::time::timeout(LEAVE_LIMIT, presence.leave()).await.is_err() {
            tracing::debug!("the instance's row stays until others find it dead");
        }
    }

    /// Why this session takes nothing any more: it was told to stop, or has lost the database.
    pub(crate) fn gone(&self) -> Error {
        if self.draining.is_cancelled() {
            Error::Stopping
        } else {
            silent().into()
        }
    }

    /// Room for one more run in memory, if there is.
    pub(crate) fn slot(&self) -> Option<OwnedSemaphorePermit> {
        if self.draining.is_cancelled() {
            return None;
        }
        let slot = self.slots.clone().try_acquire_owned().ok();
        if slot.is_none() {
            self.backlog.store(true, Ordering::Release);
        }
        slot
    }

    /// After a run left the memory: looks at the queue again, once there is room for a fair batch.
    pub(crate) fn slot_freed(&self) {
        let enough = (self.shared.limits.max_runs / 8).clamp(1, 256);
        if self.slots.available_permits() >= enough && self.backlog.swap(false, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }
}
