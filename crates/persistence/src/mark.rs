//! What tells one database from every other.

use crate::{Error, Pool};

/// A text that is the same for all who use this database, and another one for every other database, also for a copy that was restored elsewhere.
///
/// It is not public: nobody learns it who cannot ask the database.
pub async fn mark(pool: &Pool) -> Result<String, Error> {
    let client = pool.get().await?;
    let row = client
        .query_one(
            "SELECT c.system_identifier::text || '@' || d.oid::text
             FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()",
            &[],
        )
        .await?;
    Ok(row.get(0))
}
