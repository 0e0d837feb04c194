//! The one task of a session that reads and writes breakers: what many attempts ask for meanwhile shares a statement.

mod telling;
mod writing;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use gathering_domain::BreakerId;
use gathering_domain::breaker::{BreakerEvent, BreakerState, Verdict};
use gathering_persistence::Error;
use gathering_persistence::breakers::{self, BreakerKey, BreakerRow};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use super::cache::Seen;
use super::wakes::Wakes;
use super::{Ask, Entry, Holding, Right};
use crate::session::Session;
use telling::Telling;
use writing::{Job, Work};

/// The most asks that share a transaction.
const MAX_BATCH: usize = 1_000;
/// How often successes are written; with every tick, once calls of the same breaker fail.
const SUCCESSES_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait between two tries to reach the database.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The least that a call is held, so that nobody asks without end.
const SHORTEST_HOLD: Duration = Duration::from_millis(250);

/// A probe that was granted here.
#[derive(Debug)]
struct Granted {
    key: BreakerKey,
    alive: Weak<()>,
    renew_at: Instant,
}

struct Keeper {
    session: Arc<Session>,
    probes: HashMap<Uuid, Granted>,
    wakes: Wakes,
    telling: Telling,
    successes_at: Instant,
}

/// Keeps until dropped.
pub(in crate::session) async fn run(session: Arc<Session>, mut asked: mpsc::Receiver<Ask>) {
    let mut tick = tokio::time::interval(session.shared.limits.poll_interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut keeper = Keeper {
        session,
        probes: HashMap::new(),
        wakes: Wakes::default(),
        telling: Telling::default(),
        successes_at: Instant::now(),
    };
    let mut asks = Vec::new();
    loop {
        tokio::select! {
            count = asked.recv_many(&mut asks, MAX_BATCH) => {
                if count == 0 {
                    return;
                }
                keeper.answer(std::mem::take(&mut asks)).await;
            }
            _ = tick.tick() => keeper.tick().await,
        }
        keeper.wakes.ring(&keeper.session).await;
        keeper.telling.tick(Instant::now());
    }
}

impl Keeper {
    async fn answer(&mut self, asks: Vec<Ask>) {
        let (mut works, mut told, mut entering) = (Vec::new(), Vec::new(), Vec::new());
        if asks.iter().any(|ask| matches!(ask, Ask::Count { .. })) {
            // First, so that a rate is not judged by its failures alone.
            works = self.successes(true);
        }
        for ask in asks {
            match ask {
                Ask::Enter { key, answer } => entering.push((key, answer)),
                Ask::Count {
                    key,
                    rules,
                    version,
                    done,
                } => {
                    let job = Job::Event(BreakerEvent::Counted {
                        failures: 1,
                        successes: 0,
                        rules,
                    });
                    works.push(Work { key, version, job });
                    told.push(done);
                }
                Ask::Probed {
                    key,
                    rules,
                    probe: id,
                    verdict,
                    done,
                } => {
                    self.probes.remove(&id);
                    let event = match verdict {
                        Verdict::Works => BreakerEvent::ProbeSucceeded { id },
                        Verdict::Broke => BreakerEvent::ProbeFailed { id, rules },
                        Verdict::Unknown => BreakerEvent::ProbeFreed { id },
                    };
                    works.push(Work::always(key, Job::Event(event)));
                    told.push(done);
                }
            }
        }
        self.write(&works).await;
        for done in told {
            let _ = done.send(());
        }
        self.let_in(entering).await;
    }

    /// Lets calls through closed breakers, one through each whose time is up, and tells the others how long they are held.
    async fn let_in(&mut self, entering: Vec<(BreakerKey, oneshot::Sender<Entry>)>) {
        let keys: HashSet<&BreakerKey> = entering.iter().map(|(key, _)| key).collect();
        let unknown: Vec<_> = keys
            .iter()
            .filter(|key| self.seen(key).is_none())
            .copied()
            .cloned()
            .collect();
        self.read(&unknown).await;
        let now = Instant::now();
        let is_due = |key: &BreakerKey| matches!(self.seen(key), Some(Seen::Held { until, .. }) if until <= now);
        let due = keys.into_iter().filter(|key| is_due(key)).cloned();
        let mut granted = self.ask_to_probe(due.collect()).await;
        for (key, answer) in entering {
            let entry = match granted.remove(&key) {
                Some(right) => Entry::Probe(right),
                None => self.entry(&key),
            };
            // Should nobody wait for it any more, a right ends here, and is found given up.
            let _ = answer.send(entry);
        }
    }

    /// The rights to probe that were got, at most one for each key.
    async fn ask_to_probe(&mut self, keys: Vec<BreakerKey>) -> HashMap<BreakerKey, Right> {
        let works: Vec<_> = keys
            .into_iter()
            .map(|key| Work::always(key, Job::Probe(self.new_id().as_uuid())))
            .collect();
        let rows = self.write(&works).await;
        let asked: HashSet<Uuid> = works.iter().filter_map(|work| work.job.probe()).collect();
        let mut rights = HashMap::new();
        for row in rows {
            let BreakerState::HalfOpen { probe, .. } = row.state else {
                continue;
            };
            if asked.contains(&probe.id) {
                let alive = Arc::new(());
                let granted = Granted {
                    key: row.key.clone(),
                    alive: Arc::downgrade(&alive),
                    renew_at: Instant::now() + self.lease() / 3,
                };
                self.probes.insert(probe.id, granted);
                let right = Right {
                    id: probe.id,
                    _alive: alive,
                };
                rights.insert(row.key, right);
            }
        }
        rights
    }

    fn entry(&self, key: &BreakerKey) -> Entry {
        match self.seen(key) {
            None => Entry::Closed { version: 0 },
            Some(Seen::Closed { version }) => Entry::Closed { version },
            Some(Seen::Held { id, until, times }) => Entry::Held(Holding {
                id,
                times,
                wait: until.saturating_duration_since(Instant::now()).max(SHORTEST_HOLD),
            }),
        }
    }

    /// Renews and frees probes, writes successes, and looks how the breakers in use are.
    async fn tick(&mut self) {
        let now = Instant::now();
        let keys = self.session.breakers.cache.lock().map(|mut cache| cache.in_use(now));
        let keys = keys.unwrap_or_default();
        if keys.is_empty() && self.probes.is_empty() {
            return;
        }
        let mut works = self.probes_to_write(now);
        let all = self.successes_at <= now;
        if all {
            self.successes_at = now + SUCCESSES_INTERVAL;
        }
        works.extend(self.successes(all));
        self.write(&works).await;
        match self.try_read(&keys).await {
            Ok(rows) => self.take_in(&keys, &rows),
            Err(error) => tracing::debug!(%error, "the breakers in use could not be read; they are with the next tick"),
        }
    }

    fn probes_to_write(&mut self, now: Instant) -> Vec<Work> {
        let renew_at = now + self.lease() / 3;
        let mut works = Vec::new();
        self.probes.retain(|id, granted| {
            let alive = granted.alive.strong_count() > 0;
            if !alive {
                let freed = Job::Event(BreakerEvent::ProbeFreed { id: *id });
                works.push(Work::always(granted.key.clone(), freed));
            } else if granted.renew_at <= now {
                granted.renew_at = renew_at;
                works.push(Work::always(granted.key.clone(), Job::Probe(*id)));
            }
            alive
        });
        works
    }

    /// The successes to write: of all breakers, or of those where calls fail, which may open while others do not know of them.
    fn successes(&self, of_all: bool) -> Vec<Work> {
        let taken = self
            .session
            .breakers
            .cache
            .lock()
            .map(|mut cache| cache.take_successes(of_all));
        let work = |taken: super::cache::Successes| Work {
            key: taken.key,
            version: taken.version,
            job: Job::Event(BreakerEvent::Counted {
                failures: 0,
                successes: taken.count,
                rules: taken.rules,
            }),
        };
        taken.unwrap_or_default().into_iter().map(work).collect()
    }

    /// Reads breakers for the first time; tried again for as long as the database is away.
    async fn read(&mut self, keys: &[BreakerKey]) {
        let mut pause = Duration::from_millis(20);
        while !keys.is_empty() {
            match self.try_read(keys).await {
                Ok(rows) => return self.take_in(keys, &rows),
                Err(error) if may_pass(&error) => wait(&error, &mut pause).await,
                // Calls go through: a breaker that cannot be read must not stop the work.
                Err(error) => return tracing::error!(%error, "breakers cannot be read; calls go through"),
            }
        }
    }

    async fn try_read(&self, keys: &[BreakerKey]) -> Result<Vec<BreakerRow>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.session.shared.connection().await?;
        breakers::find(&client, keys).await
    }

    fn take_in(&mut self, keys: &[BreakerKey], rows: &[BreakerRow]) {
        let by_key: HashMap<_, _> = rows.iter().map(|row| (&row.key, row)).collect();
        let now = Instant::now();
        let Ok(mut cache) = self.session.breakers.cache.lock() else {
            return;
        };
        let free: Vec<_> = keys
            .iter()
            .filter_map(|key| cache.take_in(key, by_key.get(key).copied(), now))
            .collect();
        drop(cache);
        if !free.is_empty() {
            self.wakes.add(&free);
            self.session.breakers.frees.send_modify(|count| *count += 1);
        }
    }

    fn seen(&self, key: &BreakerKey) -> Option<Seen> {
        let mut cache = self.session.breakers.cache.lock().ok()?;
        cache.look(key, Instant::now())
    }

    fn new_id(&self) -> BreakerId {
        let shared = &self.session.shared;
        BreakerId::new(shared.clock.now(), &*shared.entropy)
    }

    /// How long a probe's right lasts without being renewed: for so long others wait when its process dies.
    fn lease(&self) -> Duration {
        self.session.shared.limits.lease
    }
}

fn may_pass(error: &Error) -> bool {
    error.is_unavailable() || error.is_interrupted() || error.is_unique_violation()
}

async fn wait(error: &Error, pause: &mut Duration) {
    tracing::warn!(%error, "the breakers cannot be reached; trying again");
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}
