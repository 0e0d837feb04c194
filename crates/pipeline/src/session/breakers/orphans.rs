//! The probes of instances that died or leave: their right is free at once, and does not have to lapse.

use std::time::Duration;

use gathering_domain::InstanceId;
use gathering_domain::breaker::{BreakerEvent, BreakerState};
use gathering_persistence::Error;
use gathering_persistence::breakers::{self, BreakerRow, ChangedBy};

use crate::breakers::{log, written};
use crate::session::Session;

/// The most probes that are freed at once; the others are with the next look, or lapse.
const MAX_FREED: i64 = 1_000;
/// The most runs that are woken for the next probes; who knows the breakers wakes more.
const MAX_WOKEN: i64 = 1_000;

/// Frees the rights of these instances to probe, which they cannot make use of any more.
pub(in crate::session) async fn free_probes(session: &Session, of: &[InstanceId]) -> Result<(), Error> {
    let mut client = session.shared.connection().await?;
    let transaction = client.transaction().await.map_err(Error::from)?;
    let rows = breakers::lock_probes(&transaction, of, MAX_FREED).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let writes: Vec<_> = rows.iter().filter_map(|row| written(row, lost(row))).collect();
    let by = ChangedBy {
        instance_id: Some(session.instance),
        user_id: None,
    };
    breakers::write(&transaction, &writes, by).await?;
    transaction.commit().await.map_err(Error::from)?;
    for write in &writes {
        log(write);
    }
    // Those that still believe in the probe are woken again by whoever notices that it is gone.
    let free: Vec<_> = writes.iter().map(|write| (write.row.id, Duration::ZERO)).collect();
    breakers::wake_held(&client, &free, MAX_WOKEN).await?;
    Ok(())
}

fn lost(row: &BreakerRow) -> Option<BreakerEvent> {
    if let BreakerState::HalfOpen { probe, .. } = &row.state {
        Some(BreakerEvent::ProbeLost { id: probe.id })
    } else {
        None
    }
}
