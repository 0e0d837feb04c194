//! Upkeep of the weekly partitions of `runs` and `run_journal`.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;

use crate::Error;

/// How many weeks upkeep keeps ready, this one included.
pub const WEEKS_AHEAD: i32 = 4;

/// Makes the partitions from the week of `now` on that do not exist yet; gives how many it made.
///
/// Several instances may call it at once: an advisory lock lets one after the other.
pub async fn ensure(client: &impl GenericClient, now: Timestamp) -> Result<i32, Error> {
    let statement = client
        .prepare_cached(
            // The lock is the transaction's: it ends with this statement.
            "SELECT ensure_partitions($1, $2) FROM pg_advisory_xact_lock(hashtext('gathering partitions'))",
        )
        .await?;
    Ok(client.query_one(&statement, &[&now, &WEEKS_AHEAD]).await?.get(0))
}
