//! Writing breakers that are locked.

use deadpool_postgres::GenericClient;
use gathering_domain::breaker::{BreakerState, BreakerStatus, Counts, Probe};
use gathering_domain::{BreakerId, InstanceId, Json, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use super::{BreakerRow, millis};
use crate::Error;

/// A breaker to write, as it is to be, with what happened to it since it was read under its lock.
#[derive(Debug, Clone)]
pub struct BreakerWrite {
    /// As it is to be.
    pub row: BreakerRow,
    /// The changes of its status, in their order.
    pub changes: Vec<StatusChange>,
}

/// A change of a breaker's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// Why: see [`BreakerEvent::reason`](gathering_domain::breaker::BreakerEvent::reason).
    pub reason: &'static str,
    /// The status before.
    pub from: BreakerStatus,
    /// The status since.
    pub to: BreakerStatus,
    /// Until when it is open, where it opened.
    pub open_until: Option<Timestamp>,
}

/// Where, and by whom, changes were made.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChangedBy {
    /// The instance.
    pub instance_id: Option<InstanceId>,
    /// The person.
    pub user_id: Option<UserId>,
}

/// Writes breakers that are locked, with what happened to them; gives the version that each has now, by its id.
pub async fn write(
    client: &impl GenericClient,
    writes: &[BreakerWrite],
    by: ChangedBy,
) -> Result<Vec<(BreakerId, i64)>, Error> {
    let statement = client.prepare_cached(WRITE).await?;
    let (rows, changes) = (Rows::of(writes), Changes::of(writes));
    let written = client
        .query(
            &statement,
            &[
                &rows.ids,
                &rows.statuses,
                &rows.counts,
                &rows.times,
                &rows.open_untils,
                &rows.probes,
                &rows.probe_bys,
                &rows.probe_untils,
                &rows.rules,
                &rows.windows,
                &rows.nows,
                &changes.breakers,
                &changes.ats,
                &changes.froms,
                &changes.tos,
                &changes.reasons,
                &changes.open_untils,
                &by.instance_id.map(InstanceId::as_uuid),
                &by.user_id.map(UserId::as_uuid),
            ],
        )
        .await?;
    let version = |row: &tokio_postgres::Row| (row.get::<_, Uuid>(0).into(), row.get(1));
    Ok(written.iter().map(version).collect())
}

// `change` numbers the changes of status; the number of the last one is the breaker's new version. `old` keeps the last 50 of each breaker.
const WRITE: &str = "
    WITH new AS (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::uuid[], $7::uuid[],
                             $8::timestamptz[], $9::text[], $10::bigint[], $11::timestamptz[])
            AS n (id, status, counts, times, open_until, probe, probe_by, probe_until, rules, window_ms, at)),
    change AS (
        INSERT INTO breaker_changes (breaker_id, at, from_status, to_status, reason, open_until, instance_id, user_id)
        SELECT breaker_id, at, from_status, to_status, reason, open_until, $18, $19
        FROM unnest($12::uuid[], $13::timestamptz[], $14::text[], $15::text[], $16::text[], $17::timestamptz[]) WITH ORDINALITY
            AS c (breaker_id, at, from_status, to_status, reason, open_until, place)
        ORDER BY place
        RETURNING id, breaker_id),
    last AS (
        SELECT breaker_id, max(id) AS id FROM change GROUP BY breaker_id),
    old AS (
        DELETE FROM breaker_changes c USING last
        WHERE c.breaker_id = last.breaker_id AND c.id <= (
            SELECT o.id FROM breaker_changes o WHERE o.breaker_id = last.breaker_id ORDER BY o.id DESC OFFSET 49 LIMIT 1))
    UPDATE breakers b
    SET status = n.status, counts = n.counts::json, times = n.times, open_until = n.open_until, probe = n.probe,
        probe_by = n.probe_by, probe_until = n.probe_until, rules = coalesce(n.rules::json, b.rules), window_ms = n.window_ms,
        updated_at = n.at, version = coalesce(last.id, b.version)
    FROM new n LEFT JOIN last ON last.breaker_id = n.id
    WHERE b.id = n.id
    RETURNING b.id, b.version";

/// The columns of the rows.
#[derive(Default)]
struct Rows<'w> {
    ids: Vec<Uuid>,
    statuses: Vec<&'static str>,
    counts: Vec<String>,
    times: Vec<i32>,
    open_untils: Vec<Option<Timestamp>>,
    probes: Vec<Option<Uuid>>,
    probe_bys: Vec<Option<Uuid>>,
    probe_untils: Vec<Option<Timestamp>>,
    rules: Vec<Option<&'w str>>,
    windows: Vec<i64>,
    nows: Vec<Timestamp>,
}

impl<'w> Rows<'w> {
    fn of(writes: &'w [BreakerWrite]) -> Self {
        let mut rows = Self::default();
        for BreakerWrite { row, .. } in writes {
            let facts = Facts::of(&row.state);
            rows.ids.push(row.id.as_uuid());
            rows.statuses.push(row.state.status().as_str());
            rows.counts.push(facts.counts());
            rows.times.push(facts.times);
            rows.open_untils.push(facts.open_until);
            rows.probes.push(facts.probe.map(|probe| probe.id));
            rows.probe_bys.push(facts.probe.map(|probe| probe.by.as_uuid()));
            rows.probe_untils.push(facts.probe.map(|probe| probe.until));
            rows.rules.push(row.rules.as_ref().map(Json::text));
            rows.windows.push(millis(row.window).max(1));
            rows.nows.push(row.now);
        }
        rows
    }
}

/// The columns of the changes.
#[derive(Default)]
struct Changes {
    breakers: Vec<Uuid>,
    ats: Vec<Timestamp>,
    froms: Vec<&'static str>,
    tos: Vec<&'static str>,
    reasons: Vec<&'static str>,
    open_untils: Vec<Option<Timestamp>>,
}

impl Changes {
    fn of(writes: &[BreakerWrite]) -> Self {
        let mut columns = Self::default();
        let all = writes
            .iter()
            .flat_map(|write| write.changes.iter().map(move |change| (&write.row, change)));
        for (row, change) in all {
            columns.breakers.push(row.id.as_uuid());
            columns.ats.push(row.now);
            columns.froms.push(change.from.as_str());
            columns.tos.push(change.to.as_str());
            columns.reasons.push(change.reason);
            columns.open_untils.push(change.open_until);
        }
        columns
    }
}

/// The columns that a state fills.
#[derive(Default)]
struct Facts<'a> {
    counts: Option<&'a Counts>,
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
