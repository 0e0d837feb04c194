//! What a part stands on: a durable PostgreSQL that lives by a clock of its own, a database in it, a receiver, and the instances.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gathering_domain::Clock as _;
use gathering_embedded_postgres::{Binaries, find_binaries};
use gathering_persistence::SystemClock;
use gathering_testkit::{Client, Receiver, TestCluster, TestDatabase};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::clock::{self, Clock};
use crate::fleet::Fleet;

/// Where schedules are.
pub(crate) const SCHEDULES: &str = "/api/v1/schedules";

/// Where they call.
const FIRED: &str = "/fired";

/// How far the database's time may be from what was set.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// Everything that a part needs.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) fleet: Fleet,
    pub(crate) client: Client,
    pub(crate) receiver: Receiver,
    pub(crate) database: TestDatabase,
    clock: Clock,
    /// How far the database's clock is ahead, in seconds.
    ahead: i64,
}

impl Ground {
    /// With so many instances at work.
    pub(crate) async fn new(instances: usize) -> Self {
        let clock = Clock::right();
        let cluster = TestCluster::durable(under(&clock)).await;
        let database = cluster.database().await;
        let fleet = Fleet::start(instances, &database.url()).await;
        let client = fleet.open().await;
        let mut ground = Self {
            fleet,
            client,
            receiver: Receiver::start(),
            database,
            clock,
            ahead: 0,
        };
        ground.step(100).await;
        ground.step(-100).await;
        ground
    }

    /// Sets the database's clock by so many seconds, and sees to it that the database goes by it.
    pub(crate) async fn step(&mut self, seconds: i64) {
        self.ahead += seconds;
        self.clock.step(self.ahead);
        let (told, now) = (self.told_now().await, self.now());
        assert!(
            (told - now)
                .total(jiff::Unit::Second)
                .is_ok_and(|off| off.abs() < TOLERANCE.as_secs_f64()),
            "the clock of PostgreSQL was set to {now}, but it tells {told}; can its account read {}?",
            clock::folder().display()
        );
    }

    /// The time by the database's clock.
    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.ahead)
    }

    async fn told_now(&self) -> Timestamp {
        let sql =
            "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') WHERE $1::text IS NOT NULL";
        let told = self.database.texts(sql, "").await;
        let told = told.unwrap_or_else(|error| panic!("the database does not tell the time: {error}"));
        told[0]
            .parse()
            .unwrap_or_else(|error| panic!("{} is no time: {error}", told[0]))
    }

    /// The action of every schedule here: it tells the receiver who fires, and for when.
    pub(crate) fn action(&self) -> Value {
        json!({"type": "call_api", "method": "POST", "url": self.receiver.url(FIRED),
               "body": {"schedule": "{{ firing.schedule_id }}", "due": "{{ firing.due_at }}", "firing": "{{ firing.id }}"},
               "retry": {"max_attempts": 5, "initial": "100ms", "max": "1s"}})
    }

    /// Saves one, and gives its id.
    pub(crate) async fn save(&self, schedule: &Value) -> String {
        save(&self.client, schedule).await
    }

    /// Waits until everything that was due has ended; what has not in time is told in a sentence.
    pub(crate) async fn rest(&self, limit: Duration) -> Option<String> {
        let open = "SELECT (SELECT count(*) FROM firings WHERE status IN ('started', 'buffered'))
                         + (SELECT count(*) FROM schedules WHERE wake_at < now() - interval '1 second') || '' WHERE $1::text IS NOT NULL";
        let end = Instant::now() + limit;
        while Instant::now() < end {
            let told = self.database.texts(open, "").await;
            if told.is_ok_and(|count| count == ["0"]) {
                return None;
            }
            sleep(Duration::from_millis(100)).await;
        }
        let runs = self.database.texts(UNENDED, "").await;
        let runs = runs.unwrap_or_else(|error| vec![error.to_string()]);
        Some(format!(
            "what was due has not ended within {limit:?}; runs that have not: {}",
            runs.join("; ")
        ))
    }
}

/// Runs that have not ended, by whose they are and by the last entry of their journals, so that it can be seen who has to go on with them.
const UNENDED: &str = "
    SELECT count(*) || ' ' || r.status || ' at epoch ' || r.epoch || ' of '
           || CASE WHEN r.owner IS NULL THEN 'nobody' WHEN i.id IS NULL THEN 'an instance that is gone' ELSE 'instance ' || i.id END
           || ', last ' || coalesce(j.kind, 'nothing') || ', as ' || min(r.id::text)
    FROM runs r LEFT JOIN instances i ON i.id = r.owner
         LEFT JOIN LATERAL (SELECT kind FROM run_journal WHERE run_id = r.id ORDER BY seq DESC LIMIT 1) j ON true
    WHERE r.finished_at IS NULL AND $1::text IS NOT NULL
    GROUP BY r.status, r.epoch, r.owner, i.id, j.kind ORDER BY 1 LIMIT 20";

/// Saves a schedule, and gives its id.
pub(crate) async fn save(client: &Client, schedule: &Value) -> String {
    let saved = client.post(SCHEDULES, schedule).await;
    assert_eq!(saved.status, 201, "{}", saved.json);
    saved.json["id"].as_str().map(str::to_owned).unwrap_or_default()
}

/// PostgreSQL's programs, living by this clock: the server is started by a script that says so.
fn under(clock: &Clock) -> Binaries {
    let real = find_binaries().unwrap_or_else(|error| panic!("no PostgreSQL: {error}"));
    let dir = programs();
    fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("no {}: {error}", dir.display()));
    let variables = clock.variables().map(|(name, value)| format!("{name}='{value}' "));
    script(&dir.join("initdb"), "", &real.program("initdb"));
    script(&dir.join("postgres"), &variables.concat(), &real.program("postgres"));
    Binaries::at(&dir).unwrap_or_else(|error| panic!("{error}"))
}

/// Where the scripts of this process are.
pub(crate) fn programs() -> PathBuf {
    clock::folder().join(format!("postgres-{}", std::process::id()))
}

fn script(path: &Path, variables: &str, program: &Path) {
    let exported = if variables.is_empty() {
        String::new()
    } else {
        format!("export {variables}\n")
    };
    let text = format!("#!/bin/sh\n{exported}exec '{}' \"$@\"\n", program.display());
    let written = fs::write(path, text).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
    written.unwrap_or_else(|error| panic!("could not write {}: {error}", path.display()));
}
