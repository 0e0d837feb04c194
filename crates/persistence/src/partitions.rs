//! Upkeep of the weekly partitions of `runs` and `run_journal`.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;

use crate::Error;

/// How many weeks upkeep keeps ready, this one included.
pub const WEEKS_AHEAD: i32 = 4;

/// Makes the partitions from the week of `now` on that do not exist yet; gives how many it made. `None` when somebody used the tables for
/// longer than half a second, so that none was made: until it is tried again, the default partition takes what no week is there for.
///
/// Several instances may call it at once: an advisory lock lets one after the other.
pub async fn ensure(client: &impl GenericClient, now: Timestamp) -> Result<Option<i32>, Error> {
    let statement = client
        .prepare_cached(
            // The lock is the transaction's: it ends with this statement.
            "SELECT ensure_partitions($1, $2) FROM pg_advisory_xact_lock(hashtext('gathering partitions'))",
        )
        .await?;
    match client
        .query_one(&statement, &[&now, &WEEKS_AHEAD])
        .await
        .map_err(Error::from)
    {
        Ok(row) => Ok(Some(row.get(0))),
        Err(error) if error.is_lock_timeout() => Ok(None),
        Err(error) => Err(error),
    }
}
