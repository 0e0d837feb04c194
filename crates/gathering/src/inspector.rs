//! Looks into a database without changing anything in it.

use std::sync::Arc;

use gathering_auth::{AuditReport, SigningKey};
use gathering_domain::Clock;
use gathering_persistence::{Connection, Pool, SystemClock};

use crate::Error;

/// Looks into the database of a pool, and writes nothing: it makes no tables, and no first signing key, as putting a
/// [`Gathering`](crate::Gathering) together does.
#[derive(Debug, Clone)]
pub struct Inspector {
    pool: Pool,
    clock: Arc<dyn Clock>,
}

impl Inspector {
    /// The database must be of this release: see [`database::check_migrated`](crate::database::check_migrated).
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            clock: Arc::new(SystemClock),
        }
    }

    /// Follows the chain of the audit: see [`gathering_auth::Accounts::verify_audit`].
    pub async fn verify_audit(
        &self,
        expected: Option<(i64, &str)>,
        seen: impl FnMut(u64, u64),
    ) -> Result<AuditReport, Error> {
        let connection = self.connection().await?;
        Ok(gathering_auth::verify_audit(&connection, expected, seen).await?)
    }

    /// The keys that sign access tokens, in the order in which they do.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        let connection = self.connection().await?;
        Ok(gathering_auth::signing_keys(&connection, self.clock.now()).await?)
    }

    async fn connection(&self) -> Result<Connection, Error> {
        Ok(self.pool.get().await.map_err(gathering_persistence::Error::from)?)
    }
}
