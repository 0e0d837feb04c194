//! A scheduler whose clock is moved by hand, and whose firings leave rows of their own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gathering_scheduler::{
    BoxFuture, Ended, FireError, Fired, Fires, Firing, FiringId, FiringQuery, FiringRow, FiringStatus, NewSchedule,
    OnFire, Outcome, Pool, ScheduleId, ScheduleView, Scheduler, SchedulerBuilder, Timestamp, Transaction,
};
use gathering_testkit::{ManualClock, TestDatabase};
use serde_json::{Map, Value, json};

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Everything that a test needs.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) pool: Pool,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) effects: Effects,
    pub(crate) scheduler: Scheduler,
}

/// What firings do in these tests: each leaves a row in `effects`, in the transaction that writes it, and then does what its payload says: `{"do": "done"}`,
/// `stay` (it goes on until the test ends it), `fail`, `error` (the transaction cannot go on), `stuck` (as one that waited for a lock in vain),
/// `lost` (its connection ends).
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects {
    ended: Arc<Mutex<Vec<Ended>>>,
    pub(crate) cancelled: Arc<Mutex<Vec<FiringId>>>,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl World {
    /// At midnight of the first of January 2026, UTC.
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(change: impl FnOnce(SchedulerBuilder) -> SchedulerBuilder) -> Self {
        let database = TestDatabase::new().await;
        let pool = database.pool().await;
        let table = "CREATE TABLE effects (schedule uuid NOT NULL, due_at timestamptz NOT NULL, firing uuid NOT NULL, at bigserial)";
        pool.get().await.unwrap().batch_execute(table).await.unwrap();
        let (clock, effects) = (Arc::new(ManualClock::default()), Effects::default());
        let builder = Scheduler::builder(pool.clone())
            .clock(clock.clone())
            .on_fire(effects.clone());
        Self {
            scheduler: change(builder).build(),
            database,
            pool,
            clock,
            effects,
        }
    }

    /// Another scheduler on the same database, by the same clock.
    pub(crate) async fn another(&self) -> Scheduler {
        let builder = Scheduler::builder(self.database.pool().await).clock(self.clock.clone());
        builder.on_fire(self.effects.clone()).build()
    }

    /// A schedule of these rules; `do` is what its firings do.
    pub(crate) async fn schedule(&self, mut rules: Value) -> ScheduleId {
        let object = rules.as_object_mut().unwrap();
        let what = object.remove("do").unwrap_or_else(|| "done".into());
        let new = NewSchedule::new("a schedule", rules).payload(json!({"do": what}));
        self.scheduler.create(new).await.unwrap().id
    }

    /// Shows this time, and looks until nothing is due any more. Gives how many firings started.
    pub(crate) async fn at(&self, text: &str) -> usize {
        self.clock.set(at(text));
        self.fire().await
    }

    pub(crate) async fn fire(&self) -> usize {
        let mut started = 0;
        loop {
            let looked = self.scheduler.fire_due().await.unwrap();
            started += looked.started;
            if looked.schedules == 0 {
                return started;
            }
        }
    }

    /// Whether none of these schedules will fire any more.
    pub(crate) async fn all_ended(&self, ids: &[ScheduleId]) -> bool {
        for id in ids {
            if self.view(*id).await.phase != gathering_scheduler::Phase::Ended {
                return false;
            }
        }
        true
    }

    pub(crate) async fn view(&self, id: ScheduleId) -> ScheduleView {
        self.scheduler.schedule(id).await.unwrap().unwrap()
    }

    /// The firings of a schedule, the earliest first.
    pub(crate) async fn firings(&self, id: ScheduleId) -> Vec<FiringRow> {
        let query = FiringQuery {
            limit: 10_000,
            ..FiringQuery::default()
        };
        let mut items = self.scheduler.firings(id, query).await.unwrap().items;
        items.reverse();
        items
    }

    /// Each firing of a schedule as `DUE STATUS`, the earliest first; due times of today without their date.
    pub(crate) async fn told(&self, id: ScheduleId) -> Vec<String> {
        let told = |firing: &FiringRow| {
            let due = firing.due_at.to_string();
            let due = due.trim_start_matches("2026-01-01T").trim_end_matches('Z');
            let count = firing
                .missed_count
                .map(|count| format!(" ({count})"))
                .unwrap_or_default();
            format!("{due} {}{count}", firing.status.as_str())
        };
        self.firings(id).await.iter().map(told).collect()
    }

    /// The due times of which an effect is there, in the order in which they were done.
    pub(crate) async fn done(&self, id: ScheduleId) -> Vec<Timestamp> {
        let client = self.pool.get().await.unwrap();
        let sql = "SELECT due_at FROM effects WHERE schedule = $1 ORDER BY at";
        let rows = client.query(sql, &[&id.as_uuid()]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Ends the earliest open firing of a schedule.
    pub(crate) async fn end(&self, id: ScheduleId, outcome: Outcome) {
        let firings = self.firings(id).await;
        let open = firings.iter().find(|firing| firing.status == FiringStatus::Started);
        self.effects.end(open.unwrap().id, outcome, self.clock_time());
        assert_eq!(self.scheduler.settle_ended().await.unwrap(), 1);
    }

    pub(crate) fn clock_time(&self) -> Timestamp {
        gathering_scheduler::Clock::now(&*self.clock)
    }
}

impl Effects {
    pub(crate) fn end(&self, id: FiringId, outcome: Outcome, at: Timestamp) {
        let ended = Ended {
            id,
            outcome,
            at,
            error: None,
        };
        self.ended.lock().unwrap().push(ended);
    }
}

impl OnFire for Effects {
    fn fire<'a>(&'a self, tx: &'a Transaction<'_>, firings: &'a [Firing]) -> BoxFuture<'a, Result<Fires, FireError>> {
        Box::pin(async move {
            let mut fired = Vec::new();
            for firing in firings {
                let ids = (firing.schedule_id.as_uuid(), firing.id.as_uuid());
                let insert = "INSERT INTO effects (schedule, due_at, firing) VALUES ($1, $2, $3)";
                tx.execute(insert, &[&ids.0, &firing.due_at, &ids.1]).await?;
                let payload: Map<String, Value> = firing.payload.parse()?;
                fired.push(match payload["do"].as_str().unwrap() {
                    "done" => Fired::Done,
                    "stay" => Fired::Started,
                    "error" => {
                        tx.execute("SELECT 1 / 0", &[]).await?;
                        Fired::Done
                    }
                    "lost" => {
                        tx.execute("SELECT pg_terminate_backend(pg_backend_pid())", &[]).await?;
                        Fired::Done
                    }
                    "stuck" => {
                        tx.batch_execute(
                            "DO $$ BEGIN RAISE 'nobody gives way' USING ERRCODE = 'lock_not_available'; END $$",
                        )
                        .await?;
                        Fired::Done
                    }
                    _ => Fired::Failed {
                        code: "refused".to_owned(),
                        message: "it was told to fail".to_owned(),
                    },
                });
            }
            Ok(Fires::new(fired))
        })
    }

    fn ended<'a>(&'a self, open: &'a [FiringId]) -> BoxFuture<'a, Result<Vec<Ended>, FireError>> {
        Box::pin(async move {
            let ended = self.ended.lock().unwrap();
            Ok(ended.iter().filter(|ended| open.contains(&ended.id)).cloned().collect())
        })
    }

    fn cancel<'a>(&'a self, _tx: &'a Transaction<'_>, open: &'a [FiringId]) -> BoxFuture<'a, Result<(), FireError>> {
        Box::pin(async move {
            self.cancelled.lock().unwrap().extend(open);
            Ok(())
        })
    }
}
