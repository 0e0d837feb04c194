//! A database of a test's own.

use gathering_persistence::{ConnectOptions, Pool};
use tokio_postgres::Error;

use super::{TestCluster, admin};

/// Most connections of a test's pool.
const POOL_SIZE: usize = 8;

/// A database of a test's own, dropped some time after the value.
#[derive(Debug)]
pub struct TestDatabase {
    cluster: TestCluster,
    name: String,
}

impl TestDatabase {
    /// With all migrations applied, on the cluster that the tests of this process share.
    pub async fn new() -> Self {
        TestCluster::shared().await.database().await
    }

    /// With nothing in it, on the cluster that the tests of this process share.
    pub async fn empty() -> Self {
        TestCluster::shared().await.empty_database().await
    }

    pub(super) fn of(cluster: TestCluster, name: String) -> Self {
        Self { cluster, name }
    }

    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL to hand to whoever uses it.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// The cluster that it is in.
    pub fn cluster(&self) -> &TestCluster {
        &self.cluster
    }

    /// A new pool of at most eight connections, on this test's runtime.
    pub async fn pool(&self) -> Pool {
        let options = ConnectOptions {
            max_connections: POOL_SIZE,
            ..ConnectOptions::new(self.url())
        };
        let pool = gathering_persistence::connect(&options).await;
        pool.unwrap_or_else(|error| panic!("could not connect to {}: {error}", self.name))
    }

    /// Ends all sessions of this database from the server's side, and says how many there were.
    pub async fn terminate_backends(&self) -> usize {
        let ended = admin::terminate(self.cluster.admin_url(), &self.name).await;
        ended.unwrap_or_else(|error| panic!("could not end the sessions of {}: {error:?}", self.name))
    }

    /// Ends at most so many of the sessions of this database, chosen by `seed`, and says how many.
    pub async fn terminate_some(&self, most: i64, seed: &str) -> Result<usize, Error> {
        admin::terminate_some(self.cluster.admin_url(), &self.name, most, seed).await
    }

    /// Runs `statements`, such as one that takes a lock, in a transaction that stays open for as long as `meanwhile` takes, and is then
    /// rolled back.
    pub async fn in_transaction(&self, statements: &str, meanwhile: impl Future<Output = ()>) -> Result<(), Error> {
        admin::with_client(&self.url(), async |client| {
            client.batch_execute("BEGIN").await?;
            client.batch_execute(statements).await?;
            meanwhile.await;
            client.batch_execute("ROLLBACK").await
        })
        .await
    }

    /// The first column of what `sql` gives, as text; `sql` takes `parameter` as its only one.
    pub async fn texts(&self, sql: &str, parameter: &str) -> Result<Vec<String>, Error> {
        admin::texts(&self.url(), sql, parameter).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.cluster.discard(std::mem::take(&mut self.name));
    }
}
