//! One seed from beginning to end: instances, load, faults, rest, and what the history then says.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use gathering_domain::RunId;
use gathering_testkit::history::{History, Violation, check};
use gathering_testkit::{Receiver, TestCluster, TestDatabase};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::deaths;
use crate::fleet::{Doors, Fleet};
use crate::inject::inject;

use crate::load::{CLIENTS, Load};
use crate::pace;
use crate::pipelines;
use crate::schedule::schedule;

/// How many runs the clients start at most, bursts not counted.
const MOST_RUNS: usize = 250;

/// Longest wait for all runs to end once nothing is wrong any more.
const REST: Duration = Duration::from_mins(1);

/// A seed under way.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) seed: u64,
    pub(crate) chance: Chance,
    pub(crate) fleet: Fleet,
    pub(crate) load: Arc<Load>,
    pub(crate) receiver: Receiver,
    pub(crate) database: Arc<TestDatabase>,
    /// The pipeline whose node kills.
    pub(crate) killer: String,
    /// Its runs.
    pub(crate) killers: Vec<RunId>,
    pub(crate) bursts: u8,
    /// When a clock was first stepped: what instances say of the time since then cannot be compared with what others say.
    pub(crate) stepped: Option<Timestamp>,
    /// What should not have been, each in a sentence.
    pub(crate) odd: Vec<String>,
}

/// What became of a seed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) instances: usize,
    /// What went wrong on purpose, each with when it began.
    pub(crate) faults: Vec<(Duration, String)>,
    pub(crate) history: History,
    pub(crate) violations: Vec<Violation>,
    pub(crate) odd: Vec<String>,
    pub(crate) logs: Vec<String>,
    /// Runs per second before the faults, and after them.
    pub(crate) paces: (f64, f64),
    /// How long after the last fault everything had come to rest.
    pub(crate) rest: Duration,
    pub(crate) took: Duration,
}

impl Outcome {
    /// Whether everything was as promised.
    pub(crate) fn is_sound(&self) -> bool {
        self.violations.is_empty() && self.odd.is_empty()
    }

    /// How fast the instances were afterwards, as a part of what they were before.
    pub(crate) fn pace(&self) -> f64 {
        self.paces.1 / self.paces.0
    }

    /// How often a run was taken over.
    pub(crate) fn take_overs(&self) -> usize {
        let entries = self.history.runs.iter().flat_map(|run| &run.entries);
        entries.filter(|entry| entry.kind == "taken_over").count()
    }
}

/// Runs a seed; `variables` are set for the processes of the instances.
pub(crate) async fn run(seed: u64, variables: &[(String, String)]) -> Outcome {
    let began = Instant::now();
    let mut course = Course::begin(seed, variables).await;
    let before = pace::measure(&course.load, &course.database, "before").await;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(course.load.clone().client(number));
    }
    let mut background = JoinSet::new();
    let mut faults = Vec::new();
    for (pause, fault) in schedule(seed, course.load.instances) {
        sleep(pause).await;
        faults.push((began.elapsed(), fault.to_string()));
        inject(&mut course, &fault, &mut background).await;
        let fallen = course.fleet.fallen(&course.load.doors);
        course.odd.extend(fallen);
    }
    let healed = Instant::now();
    course.fleet.heal(&course.load.doors).await;
    course.load.enough.cancel();
    while clients.join_next().await.is_some() {}
    while background.join_next().await.is_some() {}
    course.rest().await;
    let rest = healed.elapsed();
    course.load.misled.store(false, Ordering::Relaxed);
    let after = pace::measure(&course.load, &course.database, "after").await;
    Outcome {
        faults,
        rest,
        paces: (before, after),
        took: began.elapsed(),
        ..course.judge().await
    }
}

impl Course {
    async fn begin(seed: u64, variables: &[(String, String)]) -> Self {
        let chance = Chance::new(seed, 0);
        let instances = 2 + chance.below(2);
        let receiver = Receiver::start();
        pipelines::script(&receiver, &chance);
        let database = Arc::new(TestCluster::own().await.database().await);
        let doors = Arc::new(Doors::default());
        let mut fleet = Fleet::start(instances, &database.url(), variables).await;
        let client = fleet.open(&doors).await;
        let load = Load {
            seed,
            instances,
            doors,
            pipelines: pipelines::save_all(&client, &receiver).await,
            most: MOST_RUNS,
            started: 0.into(),
            enough: CancellationToken::new(),
            misled: false.into(),
            told: Vec::new().into(),
            odd: Vec::new().into(),
        };
        Self {
            seed,
            chance,
            fleet,
            load: Arc::new(load),
            killer: pipelines::save_killer(&client, &receiver).await,
            receiver,
            database,
            killers: Vec::new(),
            bursts: 0,
            stepped: None,
            odd: Vec::new(),
        }
    }

    /// Waits until every run has ended; those that have not by then are told as lost. Nodes that only happened to be under way whenever a
    /// process was killed are in quarantine like the one that kills, and are released.
    async fn rest(&mut self) {
        let end = Instant::now() + REST;
        while Instant::now() < end {
            if pace::at_rest(&self.database).await {
                return;
            }
            sleep(Duration::from_millis(50)).await;
            self.load.release_all(&self.chance).await;
            let fallen = self.fleet.fallen(&self.load.doors);
            self.odd.extend(fallen);
        }
    }

    async fn judge(mut self) -> Outcome {
        let mut history = History::read(&self.database.url(), Some(&self.receiver)).await;
        history.tell(self.load.told.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
        for effect in &mut history.effects {
            let trusted = |at: &Timestamp| self.stepped.is_none_or(|stepped| *at < stepped);
            effect.at = effect.at.filter(trusted);
        }
        self.odd.extend(deaths::too_few(&history, self.fleet.killed()));
        self.odd
            .append(&mut self.load.odd.lock().unwrap_or_else(PoisonError::into_inner));
        self.odd
            .extend(self.killers.iter().filter_map(|run| unharmed(&history, *run)));
        Outcome {
            seed: self.seed,
            instances: self.load.instances,
            faults: Vec::new(),
            violations: check(&history),
            history,
            odd: self.odd,
            logs: self.fleet.logs(),
            paces: (0.0, 0.0),
            rest: Duration::ZERO,
            took: Duration::ZERO,
        }
    }
}

/// A run whose node has killed as many processes as it took to find it rests until the node is released, and then completes.
fn unharmed(history: &History, run: RunId) -> Option<String> {
    let run = history.runs.iter().find(|other| other.id == run)?;
    let has = |kind: &str| run.entries.iter().any(|entry| entry.kind == kind);
    let completed = run.head.as_ref().is_some_and(|head| head.status == "completed");
    (!has("node_quarantined") || !has("node_released") || !completed).then(|| {
        format!(
            "the node of run {} kept killing processes, and was not quarantined, released and completed after that",
            run.id
        )
    })
}
