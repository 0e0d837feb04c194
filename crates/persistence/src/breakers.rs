//! The table `breakers`: the state of each circuit breaker, changed under the lock of its row.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use gathering_domain::breaker::{BreakerState, Probe};
use gathering_domain::{BreakerId, InstanceId, Json, ProjectId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::{Error, Page, PageRequest};

/// The most breakers of one project.
pub const MAX_PER_PROJECT: i64 = 1_000;

/// Whose breaker, and which.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BreakerKey {
    /// The project.
    pub project_id: ProjectId,
    /// Within it: `handler:NAME`, `type:NAME`, `host:HOST:PORT` or `name:NAME`; at most 400 characters.
    pub key: String,
}

/// A breaker as it stands.
#[derive(Debug, Clone)]
pub struct BreakerRow {
    /// Its id.
    pub id: BreakerId,
    /// Whose, and which.
    pub key: BreakerKey,
    /// Its state.
    pub state: BreakerState,
    /// The id of its last change; 0 before the first.
    pub version: i64,
    /// The rules of the node that counted last.
    pub rules: Option<Json>,
    /// How far back those count.
    pub window: Duration,
    /// When it was first counted.
    pub created_at: Timestamp,
    /// When it was last counted or changed.
    pub updated_at: Timestamp,
    /// What the database's clock said when it was read.
    pub now: Timestamp,
}

/// A breaker to make, if its key has none yet.
#[derive(Debug, Clone)]
pub struct NewBreaker {
    /// The id that it is to have.
    pub id: BreakerId,
    /// Whose, and which.
    pub key: BreakerKey,
}

/// A breaker to write: as it was read under its lock, and as it is now.
#[derive(Debug, Clone)]
pub struct BreakerWrite {
    /// As it is to be.
    pub row: BreakerRow,
    /// What it was, if its status changes: the reason, and the status before.
    pub change: Option<(&'static str, &'static str)>,
}

/// Where, and by whom, changes were made.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChangedBy {
    /// The instance.
    pub instance_id: Option<InstanceId>,
    /// The person.
    pub user_id: Option<UserId>,
}

/// Makes breakers that do not exist yet, as far as their projects have room for them.
pub async fn ensure(client: &impl GenericClient, new: &[NewBreaker]) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            // Counted once for each project, and no more than fits is made of each.
            "WITH new AS (
                 SELECT u.*, row_number() OVER (PARTITION BY u.project_id ORDER BY u.key) AS place
                 FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS u (id, project_id, key)
                 WHERE NOT EXISTS (SELECT FROM breakers b WHERE b.project_id = u.project_id AND b.key = u.key)),
             there AS MATERIALIZED (
                 SELECT b.project_id, count(*) AS count FROM breakers b
                 WHERE b.project_id IN (SELECT project_id FROM new) GROUP BY b.project_id)
             INSERT INTO breakers (id, project_id, key, status, counts, times, version, window_ms, created_at, updated_at)
             SELECT u.id, u.project_id, u.key, 'closed', '[]', 0, 0, 1, now(), now()
             FROM new u LEFT JOIN there t ON t.project_id = u.project_id
             WHERE u.place + coalesce(t.count, 0) <= $4
             -- In one order everywhere, so that two instances that make the same ones never wait for each other in a circle.
             ORDER BY u.project_id, u.key
             ON CONFLICT DO NOTHING",
        )
        .await?;
    let ids: Vec<Uuid> = new.iter().map(|new| new.id.as_uuid()).collect();
    let (projects, keys) = columns(new.iter().map(|new| &new.key));
    Ok(client
        .execute(&statement, &[&ids, &projects, &keys, &MAX_PER_PROJECT])
        .await?)
}

/// Removes a few closed breakers of a project that has no room left, those first that were not used for longest.
pub async fn make_room(client: &impl GenericClient, project: ProjectId) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            // SKIP LOCKED: one that is being written is in use.
            "DELETE FROM breakers WHERE id IN (
                 SELECT id FROM breakers WHERE project_id = $1 AND status = 'closed'
                 ORDER BY updated_at LIMIT 10 FOR UPDATE SKIP LOCKED)",
        )
        .await?;
    Ok(client.execute(&statement, &[&project.as_uuid()]).await?)
}

/// Those of these keys that there are.
pub async fn find(client: &impl GenericClient, keys: &[BreakerKey]) -> Result<Vec<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT b.id, b.project_id, b.key, b.status, b.counts, b.times, b.open_until, b.probe, b.probe_until, b.version,
                    b.rules, b.window_ms, b.created_at, b.updated_at, now()
             FROM unnest($1::uuid[], $2::text[]) AS k (project_id, key) JOIN breakers b USING (project_id, key)",
        )
        .await?;
    let (projects, keys) = columns(keys.iter());
    let rows = client.query(&statement, &[&projects, &keys]).await?;
    rows.iter().map(read).collect()
}

/// The same, locked until the transaction ends.
pub async fn lock(client: &impl GenericClient, keys: &[BreakerKey]) -> Result<Vec<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(
            // Whoever changes a breaker holds its row meanwhile, so that failures of two instances add up and of two that ask for the
            // probe one gets it. In the order of the ids, so that nobody waits in a circle. The clock, not the time of the
            // transaction: another one may have changed the row while this one waited.
            "SELECT b.id, b.project_id, b.key, b.status, b.counts, b.times, b.open_until, b.probe, b.probe_until, b.version,
                    b.rules, b.window_ms, b.created_at, b.updated_at, clock_timestamp()
             FROM unnest($1::uuid[], $2::text[]) AS k (project_id, key) JOIN breakers b USING (project_id, key)
             ORDER BY b.id FOR UPDATE OF b",
        )
        .await?;
    let (projects, keys) = columns(keys.iter());
    let rows = client.query(&statement, &[&projects, &keys]).await?;
    rows.iter().map(read).collect()
}

/// One breaker, locked until the transaction ends.
pub async fn lock_one(client: &impl GenericClient, id: BreakerId) -> Result<Option<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(
            // For the same reason as above.
            "SELECT id, project_id, key, status, counts, times, open_until, probe, probe_until, version,
                    rules, window_ms, created_at, updated_at, clock_timestamp()
             FROM breakers WHERE id = $1 FOR UPDATE",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

/// One breaker.
pub async fn get(client: &impl GenericClient, id: BreakerId) -> Result<Option<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, project_id, key, status, counts, times, open_until, probe, probe_until, version,
                    rules, window_ms, created_at, updated_at, now()
             FROM breakers WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

/// The project of a breaker.
pub async fn project(client: &impl GenericClient, id: BreakerId) -> Result<Option<ProjectId>, Error> {
    let statement = client
        .prepare_cached("SELECT project_id FROM breakers WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.map(|row| row.get::<_, Uuid>(0).into()))
}

/// The breakers of a project, newest first; only those with this status, if one is given. One whose time is up counts as half-open.
pub async fn list(
    client: &impl GenericClient,
    project: ProjectId,
    status: Option<&str>,
    page: PageRequest,
) -> Result<Page<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, project_id, key, status, counts, times, open_until, probe, probe_until, version,
                    rules, window_ms, created_at, updated_at, now()
             FROM breakers
             WHERE project_id = $1 AND id < $2
               AND ($4::text IS NULL OR CASE WHEN status = 'open' AND open_until <= now() THEN 'half_open' ELSE status END = $4)
             ORDER BY id DESC LIMIT $3",
        )
        .await?;
    let rows = client
        .query(
            &statement,
            &[&project.as_uuid(), &page.before(), &page.fetch(), &status],
        )
        .await?;
    let rows: Vec<BreakerRow> = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(page.page(rows, |row| row.id.as_uuid()))
}

/// Writes breakers that are locked, with what happened to them; gives the version that each has now, by its id.
pub async fn write(
    client: &impl GenericClient,
    writes: &[BreakerWrite],
    by: ChangedBy,
) -> Result<Vec<(BreakerId, i64)>, Error> {
    let statement = client.prepare_cached(WRITE).await?;
    let facts: Vec<Facts<'_>> = writes.iter().map(|write| Facts::of(&write.row.state)).collect();
    let ids: Vec<Uuid> = writes.iter().map(|write| write.row.id.as_uuid()).collect();
    let statuses: Vec<&str> = writes.iter().map(|write| write.row.state.name()).collect();
    let counts: Vec<String> = facts.iter().map(Facts::counts).collect();
    let times: Vec<i32> = facts.iter().map(|facts| facts.times).collect();
    let open_untils: Vec<Option<Timestamp>> = facts.iter().map(|facts| facts.open_until).collect();
    let probes: Vec<Option<Uuid>> = facts.iter().map(|facts| facts.probe.map(|probe| probe.id)).collect();
    let probe_untils: Vec<Option<Timestamp>> = facts.iter().map(|facts| facts.probe.map(|probe| probe.until)).collect();
    let rules: Vec<Option<&str>> = writes
        .iter()
        .map(|write| write.row.rules.as_ref().map(Json::text))
        .collect();
    let windows: Vec<i64> = writes.iter().map(|write| millis(write.row.window)).collect();
    let nows: Vec<Timestamp> = writes.iter().map(|write| write.row.now).collect();
    let reasons: Vec<Option<&str>> = writes
        .iter()
        .map(|write| write.change.map(|(reason, _)| reason))
        .collect();
    let before: Vec<Option<&str>> = writes
        .iter()
        .map(|write| write.change.map(|(_, before)| before))
        .collect();
    let rows = client
        .query(
            &statement,
            &[
                &ids,
                &statuses,
                &counts,
                &times,
                &open_untils,
                &probes,
                &probe_untils,
                &rules,
                &windows,
                &nows,
                &reasons,
                &before,
                &by.instance_id.map(InstanceId::as_uuid),
                &by.user_id.map(UserId::as_uuid),
            ],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| (row.get::<_, Uuid>(0).into(), row.get(1)))
        .collect())
}

// `change` numbers the changes of status; its number is the breaker's new version. `old` keeps the last 50 of each breaker.
const WRITE: &str = "
    WITH new AS (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::uuid[], $7::timestamptz[],
                             $8::text[], $9::bigint[], $10::timestamptz[], $11::text[], $12::text[])
            AS n (id, status, counts, times, open_until, probe, probe_until, rules, window_ms, at, reason, before)),
    change AS (
        INSERT INTO breaker_changes (breaker_id, at, from_status, to_status, reason, open_until, instance_id, user_id)
        SELECT id, at, before, status, reason, open_until, $13, $14 FROM new WHERE reason IS NOT NULL
        RETURNING id, breaker_id),
    old AS (
        DELETE FROM breaker_changes c USING change
        WHERE c.breaker_id = change.breaker_id AND c.id <= (
            SELECT o.id FROM breaker_changes o WHERE o.breaker_id = change.breaker_id ORDER BY o.id DESC OFFSET 49 LIMIT 1))
    UPDATE breakers b
    SET status = n.status, counts = n.counts::json, times = n.times, open_until = n.open_until, probe = n.probe,
        probe_until = n.probe_until, rules = coalesce(n.rules::json, b.rules), window_ms = n.window_ms, updated_at = n.at,
        version = coalesce(c.id, b.version)
    FROM new n LEFT JOIN change c ON c.breaker_id = n.id
    WHERE b.id = n.id
    RETURNING b.id, b.version";

/// Makes up to `limit` runs due that these breakers held: they have closed. Spread over half a second, so that they do not all come at
/// once. Gives how many.
pub async fn wake_held(client: &impl GenericClient, breakers: &[BreakerId], limit: i64) -> Result<u64, Error> {
    let breakers: Vec<Uuid> = breakers.iter().map(|id| id.as_uuid()).collect();
    let statement = client
        .prepare_cached(
            // SKIP LOCKED: a run that is being claimed or cancelled at this moment needs no waking.
            "WITH held AS (
                 SELECT id FROM runs
                 WHERE status = 'waiting' AND held_by = ANY ($1) AND wake_at > now() + interval '500 milliseconds'
                 LIMIT $2 FOR UPDATE SKIP LOCKED)
             UPDATE runs r SET wake_at = now() + random() * interval '500 milliseconds'
             FROM held WHERE r.id = held.id AND r.status = 'waiting'",
        )
        .await?;
    Ok(client.execute(&statement, &[&breakers, &limit]).await?)
}

/// Removes up to `limit` breakers that nobody used for long: closed ones for a day, others for a week past their time.
pub async fn forget_unused(client: &impl GenericClient, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            // SKIP LOCKED: one that is being written is in use.
            "DELETE FROM breakers WHERE id IN (
                 SELECT id FROM breakers
                 WHERE updated_at < now() - interval '1 day'
                   AND (status = 'closed' OR coalesce(open_until, probe_until) < now() - interval '7 days')
                 LIMIT $1 FOR UPDATE SKIP LOCKED)",
        )
        .await?;
    Ok(client.execute(&statement, &[&limit]).await?)
}

/// The columns that a state fills.
#[derive(Default)]
struct Facts<'a> {
    counts: Option<&'a gathering_domain::breaker::Counts>,
    times: i32,
    open_until: Option<Timestamp>,
    probe: Option<Probe>,
}

impl<'a> Facts<'a> {
    fn of(state: &'a BreakerState) -> Self {
        let count = |times: u32| i32::try_from(times).unwrap_or(i32::MAX).max(1);
        match state {
            BreakerState::Closed { counts } => Self {
                counts: Some(counts),
                ..Self::default()
            },
            BreakerState::Open { until, times } => Self {
                times: count(*times),
                open_until: Some(*until),
                ..Self::default()
            },
            BreakerState::HalfOpen { probe, times } => Self {
                times: count(*times),
                probe: Some(*probe),
                ..Self::default()
            },
        }
    }

    fn counts(&self) -> String {
        let counts = self.counts.and_then(|counts| serde_json::to_string(counts).ok());
        counts.unwrap_or_else(|| "[]".to_owned())
    }
}

fn columns<'k>(keys: impl Iterator<Item = &'k BreakerKey>) -> (Vec<Uuid>, Vec<&'k str>) {
    keys.map(|key| (key.project_id.as_uuid(), key.key.as_str())).unzip()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1)
}

fn read(row: &Row) -> Result<BreakerRow, Error> {
    let window: i64 = row.get(11);
    Ok(BreakerRow {
        id: row.get::<_, Uuid>(0).into(),
        key: BreakerKey {
            project_id: row.get::<_, Uuid>(1).into(),
            key: row.get(2),
        },
        state: state(row)?,
        version: row.get(9),
        rules: row.get::<_, Option<Sql<Json>>>(10).map(|rules| rules.0),
        window: Duration::from_millis(window.unsigned_abs()),
        created_at: row.get(12),
        updated_at: row.get(13),
        now: row.get(14),
    })
}

fn state(row: &Row) -> Result<BreakerState, Error> {
    let missing = || Error::corrupt("breakers", "its status and its facts do not fit together");
    let times: i32 = row.get(5);
    let times = times.unsigned_abs();
    let (open_until, probe_until): (Option<Timestamp>, Option<Timestamp>) = (row.get(6), row.get(8));
    Ok(match row.get::<_, &str>(3) {
        "closed" => BreakerState::Closed {
            counts: row.get::<_, Sql<_>>(4).0,
        },
        "open" => BreakerState::Open {
            until: open_until.ok_or_else(missing)?,
            times,
        },
        _ => BreakerState::HalfOpen {
            probe: Probe {
                id: row.get::<_, Option<Uuid>>(7).ok_or_else(missing)?,
                until: probe_until.ok_or_else(missing)?,
            },
            times,
        },
    })
}
