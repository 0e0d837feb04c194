//! The numbers of transactions, by which others can tell later what became of one. They stand in no table.

use deadpool_postgres::GenericClient;

use crate::Error;

/// The number of a transaction, in the life of the database's cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionNumber(i64);

/// The number of the transaction that the client is in; within a savepoint, that of the outermost one. It gets one by being asked.
pub async fn number(client: &impl GenericClient) -> Result<TransactionNumber, Error> {
    let statement = client
        // The driver knows no type for these numbers; they are 64 bits without a sign, of which no cluster uses up half.
        .prepare_cached("SELECT pg_current_xact_id()::text::bigint")
        .await?;
    Ok(TransactionNumber(client.query_one(&statement, &[]).await?.get(0)))
}

/// Which of these transactions have not ended. What the others wrote is seen by the next statement, or never was.
pub async fn under_way(
    client: &impl GenericClient,
    numbers: &[TransactionNumber],
) -> Result<Vec<TransactionNumber>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT number FROM unnest($1::bigint[]) AS asked (number)
             WHERE pg_xact_status(number::text::xid8) = 'in progress'",
        )
        .await?;
    let numbers: Vec<i64> = numbers.iter().map(|number| number.0).collect();
    let rows = client.query(&statement, &[&numbers]).await?;
    Ok(rows.iter().map(|row| TransactionNumber(row.get(0))).collect())
}
