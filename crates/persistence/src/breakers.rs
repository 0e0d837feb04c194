//! The table `breakers`: the state of each circuit breaker, changed under the lock of its row.

use std::time::Duration;

use gathering_domain::breaker::{BreakerState, Probe};
use gathering_domain::{BreakerId, Json, ProjectId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::Error;

/// All that [`read`] takes of a row `b`. The clock, not the time of the transaction: another one may have changed the row while this one
/// waited for its lock.
macro_rules! columns {
    () => {
        "b.id, b.project_id, b.key, b.status, b.counts, b.times, b.open_until, b.probe, b.probe_by, b.probe_until, b.version, b.rules,
         b.window_ms, b.created_at, b.updated_at, clock_timestamp()"
    };
}

mod held;
mod reading;
mod room;
mod writing;

pub use held::wake_held;
pub use reading::{find, get, list, lock, lock_one, lock_probes, project};
pub use room::{MAX_PER_PROJECT, NewBreaker, ensure, forget_unused, make_room};
pub use writing::{BreakerWrite, ChangedBy, StatusChange, write};

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

fn split<'k>(keys: impl Iterator<Item = &'k BreakerKey>) -> (Vec<Uuid>, Vec<&'k str>) {
    keys.map(|key| (key.project_id.as_uuid(), key.key.as_str())).unzip()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn read(row: &Row) -> Result<BreakerRow, Error> {
    let window: i64 = row.get(12);
    Ok(BreakerRow {
        id: row.get::<_, Uuid>(0).into(),
        key: BreakerKey {
            project_id: row.get::<_, Uuid>(1).into(),
            key: row.get(2),
        },
        state: state(row)?,
        version: row.get(10),
        rules: row.get::<_, Option<Sql<Json>>>(11).map(|rules| rules.0),
        window: Duration::from_millis(window.unsigned_abs()),
        created_at: row.get(13),
        updated_at: row.get(14),
        now: row.get(15),
    })
}

fn state(row: &Row) -> Result<BreakerState, Error> {
    let missing = || Error::corrupt("breakers", "its status and its facts do not fit together");
    let times: i32 = row.get(5);
    let times = times.unsigned_abs();
    Ok(match row.get::<_, &str>(3) {
        "closed" => BreakerState::Closed {
            counts: row.get::<_, Sql<_>>(4).0,
        },
        "open" => BreakerState::Open {
            until: row.get::<_, Option<Timestamp>>(6).ok_or_else(missing)?,
            times,
        },
        _ => BreakerState::HalfOpen {
            probe: Probe {
                id: row.get::<_, Option<Uuid>>(7).ok_or_else(missing)?,
                by: row.get::<_, Option<Uuid>>(8).ok_or_else(missing)?.into(),
                until: row.get::<_, Option<Timestamp>>(9).ok_or_else(missing)?,
            },
            times,
        },
    })
}
