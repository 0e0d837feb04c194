//! The schema that the tables are in: the first of the connection's `search_path`.

use deadpool_postgres::GenericClient;
use tokio_postgres::Client;

use crate::Error;

/// The history of the migrations of pipelines and runs.
pub(crate) const PIPELINES_HISTORY: &str = "gathering_pipelines_history";

/// Makes the first schema of the `search_path` that it names, where it does not exist: what is made without saying where is to be there,
/// and not in a later one.
pub(crate) async fn create_missing(client: &Client) -> Result<(), Error> {
    // What is named here is the connection's own setting, quoted by format(); a text from elsewhere never gets in.
    let create = "DO $$
        DECLARE
            first text := btrim(split_part(current_setting('search_path'), ',', 1), ' \"');
        BEGIN
            IF first NOT IN ('', '$user') AND to_regnamespace(format('%I', first)) IS NULL THEN
                EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', first);
            END IF;
        END $$";
    Ok(client.batch_execute(create).await?)
}

/// The option of a connection that works in `schema` alone.
pub(crate) fn setting(schema: &str) -> Result<String, Error> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins_well = !schema.starts_with(|first: char| first.is_ascii_digit());
    // What PostgreSQL keeps for itself, and would refuse with other words.
    let reserved = schema.starts_with("pg_") || schema == "information_schema";
    if (1..=63).contains(&schema.len()) && schema.bytes().all(plain) && begins_well && !reserved {
        Ok(format!("-c search_path={schema}"))
    } else {
        Err(Error::Schema(schema.to_owned()))
    }
}

/// Whether the tables of pipelines and runs are where connections of this kind look for them first.
pub async fn check_pipelines(client: &impl GenericClient) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "SELECT coalesce(current_schema(), ''), current_setting('search_path'),
                    CASE WHEN current_schema() IS NULL THEN false
                         ELSE (SELECT bool_and(to_regclass(format('%I.%I', current_schema(), name)) IS NOT NULL)
                               FROM unnest($1::text[]) name) END",
        )
        .await?;
    // A migration that was cut short may have left its history, and nothing in it.
    let tables = [PIPELINES_HISTORY, "runs"];
    let row = client.query_one(&statement, &[&tables.as_slice()]).await?;
    if row.get(2) {
        return Ok(());
    }
    Err(Error::NoTables {
        schema: row.get(0),
        search_path: row.get(1),
    })
}
