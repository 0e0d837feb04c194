//! The table `breaker_changes`: what happened to circuit breakers of late. [`breakers::write`](crate::breakers::write) adds to it.

use deadpool_postgres::GenericClient;
use gathering_domain::{BreakerId, InstanceId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// A change of a breaker.
#[derive(Debug, Clone)]
pub struct BreakerChange {
    /// Its number, rising over all breakers.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The status before.
    pub from_status: String,
    /// The status since.
    pub to_status: String,
    /// Why: see [`BreakerEvent::reason`](gathering_domain::breaker::BreakerEvent::reason).
    pub reason: String,
    /// Until when it is open, where it opened.
    pub open_until: Option<Timestamp>,
    /// Where it was decided.
    pub instance_id: Option<InstanceId>,
    /// By whom, where it was a person.
    pub user_id: Option<UserId>,
}

/// The changes of a breaker that are kept, newest first.
pub async fn of_breaker(client: &impl GenericClient, breaker: BreakerId) -> Result<Vec<BreakerChange>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, at, from_status, to_status, reason, open_until, instance_id, user_id FROM breaker_changes
             WHERE breaker_id = $1 ORDER BY id DESC LIMIT 50",
        )
        .await?;
    let rows = client.query(&statement, &[&breaker.as_uuid()]).await?;
    Ok(rows
        .iter()
        .map(|row| BreakerChange {
            id: row.get(0),
            at: row.get(1),
            from_status: row.get(2),
            to_status: row.get(3),
            reason: row.get(4),
            open_until: row.get(5),
            instance_id: row.get::<_, Option<Uuid>>(6).map(Into::into),
            user_id: row.get::<_, Option<Uuid>>(7).map(Into::into),
        })
        .collect())
}
