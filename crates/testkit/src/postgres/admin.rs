//! Statements of the superuser, each on a connection of its own, so that none belongs to a test's runtime that ends.

use tokio_postgres::{Client, Error, NoTls};

/// Runs the statements one after another, none in a transaction with another.
pub(super) async fn run(url: &str, statements: &[String]) -> Result<(), Error> {
    with_client(url, async |client: &Client| {
        for statement in statements {
            client.batch_execute(statement).await?;
        }
        Ok(())
    })
    .await
}

/// The first column of what `sql` with the parameter `name` gives, as text.
pub(super) async fn texts(url: &str, sql: &str, name: &str) -> Result<Vec<String>, Error> {
    with_client(url, async |client: &Client| {
        let rows = client.query(sql, &[&name]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    })
    .await
}

/// Ends all sessions of a database, and says how many there were.
pub(super) async fn terminate(url: &str, database: &str) -> Result<usize, Error> {
    let sql = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity \
               WHERE datname = $1 AND pid <> pg_backend_pid()";
    Ok(texts(url, sql, database).await?.len())
}

/// Ends at most so many sessions of a database, and says how many; the same `seed` chooses alike.
pub(super) async fn terminate_some(url: &str, database: &str, most: i64, seed: &str) -> Result<usize, Error> {
    let sql = "WITH chosen AS MATERIALIZED (
                   SELECT pid FROM pg_stat_activity
                   WHERE datname = $1 AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                   ORDER BY md5(pid::text || $2::text) LIMIT $3)
               SELECT pg_terminate_backend(pid) FROM chosen";
    with_client(url, async |client: &Client| {
        Ok(client.query(sql, &[&database, &seed, &most]).await?.len())
    })
    .await
}

/// Works on a connection of its own, and closes it.
pub(crate) async fn with_client<T>(url: &str, work: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> Result<T, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let work = async move {
        let result = work(&client).await;
        // Closes the connection, and so lets the other half end.
        drop(client);
        result
    };
    tokio::join!(work, connection).0
}
