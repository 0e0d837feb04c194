//! What a scheduler is made of.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};

use gathering_domain::schedule::Timetable;
use gathering_domain::schedule::rules::Rules;
use gathering_domain::{Clock, Entropy, FiringId, Json, ScheduleId};
use gathering_persistence::schedules::ScheduleRow;
use gathering_persistence::{Connection, Error, Listener, Pool};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::fairness::Fairness;
use crate::stats::Counters;
use crate::{Limits, OnFire};

/// How many schedules are remembered whose transactions were lost.
const MAX_LOST: usize = 1_000;
/// The longest that one of them rests.
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(5);

/// The parts that every clone of a scheduler shares.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) listener: Option<Listener>,
    clock: Option<Arc<dyn Clock>>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) limits: Limits,
    pub(crate) on_fire: Arc<dyn OnFire>,
    /// By schedule, with what each was made of: a change that was rolled back had the revision of the one that came after it.
    timetables: Cache<ScheduleId, Ready>,
    pub(crate) counters: Counters,
    pub(crate) fairness: Fairness,
    /// How often in a row a transaction was lost after it had begun to fire.
    pub(crate) stumbles: AtomicU32,
    /// How often in a row the transaction of a schedule was lost.
    lost: Cache<ScheduleId, u32>,
    /// More is due than one transaction takes.
    pub(crate) much_is_due: AtomicBool,
    /// Something may be due.
    pub(crate) wake: Notify,
    /// Something waits for firings to end.
    pub(crate) hurry: Notify,
}

/// A timetable that was made of these rules.
#[derive(Clone)]
struct Ready {
    rules: Json,
    created_at: Timestamp,
    timetable: Arc<Timetable>,
}

/// Time and chance, as the embedder gives them.
pub(crate) struct Chance {
    /// `None` for the database's clock.
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Shared {
    pub(crate) fn new(
        (pool, listener): (Pool, Option<Listener>),
        Chance { clock, entropy }: Chance,
        limits: Limits,
        on_fire: Arc<dyn OnFire>,
    ) -> Self {
        Self {
            pool,
            listener,
            clock,
            entropy,
            timetables: Cache::new(limits.max_cached.max(1)),
            limits,
            on_fire,
            counters: Counters::default(),
            fairness: Fairness::default(),
            lost: Cache::new(MAX_LOST),
            stumbles: AtomicU32::new(0),
            much_is_due: AtomicBool::new(false),
            wake: Notify::new(),
            hurry: Notify::new(),
        }
    }

    /// A connection of the pool, for a moment.
    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        gathering_persistence::acquire(&self.pool).await
    }

    /// How long a schedule rests whose transaction was lost: a second, and four times as long each time in a row, up to [`LONGEST_REST`].
    pub(crate) fn rest_of(&self, id: ScheduleId) -> SignedDuration {
        let times = self.lost.get(&id).unwrap_or(0);
        self.lost.insert(id, times + 1);
        let seconds = 4_i64.saturating_pow(times.min(10));
        SignedDuration::from_secs(seconds).min(LONGEST_REST)
    }

    /// The time of the embedder's clock; `None` where that of the database counts.
    pub(crate) fn given_now(&self) -> Option<Timestamp> {
        let now = self.clock.as_ref()?.now();
        // The database keeps microseconds.
        Some(Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now))
    }

    pub(crate) fn firing_id(&self, now: Timestamp) -> FiringId {
        FiringId::new(now, &*self.entropy)
    }

    /// The timetable of a schedule; an error says why its rules cannot be read here.
    pub(crate) fn timetable(&self, row: &ScheduleRow) -> Result<Arc<Timetable>, String> {
        let ready = self.timetables.get(&row.id);
        if let Some(ready) = ready.filter(|ready| ready.is_of(row)) {
            return Ok(ready.timetable);
        }
        let rules = rules(row)?;
        let timetable = rules.timetable(row.created_at).map_err(|problems| first(&problems))?;
        let timetable = Arc::new(timetable);
        self.keep_timetable(row, &timetable);
        Ok(timetable)
    }

    /// Has the timetable of a schedule ready for when it is due.
    pub(crate) fn keep_timetable(&self, row: &ScheduleRow, timetable: &Arc<Timetable>) {
        let ready = Ready {
            rules: row.rules.clone(),
            created_at: row.created_at,
            timetable: Arc::clone(timetable),
        };
        self.timetables.insert(row.id, ready);
    }
}

impl Ready {
    fn is_of(&self, row: &ScheduleRow) -> bool {
        self.rules.text() == row.rules.text() && self.created_at == row.created_at
    }
}

/// The rules of a saved schedule.
pub(crate) fn rules(row: &ScheduleRow) -> Result<Rules, String> {
    let object: Map<String, Value> = row.rules.parse().map_err(|error| error.to_string())?;
    Rules::parse(&object).map_err(|problems| first(&problems))
}

fn first(problems: &[gathering_domain::schedule::ScheduleProblem]) -> String {
    let told = problems
        .first()
        .map(|problem| format!("{}: {}", problem.field, problem.message));
    told.unwrap_or_default()
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
