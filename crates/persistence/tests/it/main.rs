//! Migrations and partitions against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod appending;

use gathering_persistence::{
    Connection, Error, migrate, migrate_accounts, migrate_pipelines, migrate_schedules, partitions, schema,
};
use gathering_testkit::TestDatabase;
use jiff::Timestamp;
use uuid::Uuid;

async fn count(client: &Connection, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The weekly partitions of both tables.
const WEEKS: &str = "SELECT count(*) FROM pg_inherits WHERE inhrelid::regclass::text ~ '_\\d{4}w\\d{2}$'
    AND inhparent IN ('runs'::regclass, 'run_journal'::regclass)";

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_migrate_at_once_one_applies_and_the_others_find_it_done() {
    let database = TestDatabase::empty().await;
    let pools = [
        database.pool().await,
        database.pool().await,
        database.pool().await,
        database.pool().await,
    ];
    let migrated = futures::future::join_all(pools.iter().map(migrate)).await;
    let mut applied: Vec<usize> = migrated.into_iter().map(|one| one.unwrap().applied.len()).collect();
    applied.sort_unstable();
    assert_eq!(applied[..3], [0, 0, 0]);
    assert!(applied[3] >= 2);
    assert!(migrate(&pools[0]).await.unwrap().applied.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_set_of_tables_comes_alone_and_the_other_may_follow() {
    let database = TestDatabase::empty().await;
    let pool = database.pool().await;
    let client = pool.get().await.unwrap();
    let tables = "SELECT count(*) FROM pg_class WHERE relname IN ('users', 'runs', 'schedules') AND relnamespace = 'public'::regnamespace";
    migrate_pipelines(&pool).await.unwrap();
    assert_eq!(count(&client, tables).await, 1, "runs, and no users");
    migrate_accounts(&pool).await.unwrap();
    assert_eq!(count(&client, tables).await, 2);
    migrate_schedules(&pool).await.unwrap();
    assert_eq!(count(&client, tables).await, 3);
    assert!(migrate(&pool).await.unwrap().applied.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_leaves_no_history_that_says_it_was_done() {
    let database = TestDatabase::empty().await;
    let pool = database.pool().await;
    let client = pool.get().await.unwrap();
    client.batch_execute("CREATE TABLE runs (theirs text)").await.unwrap();
    assert!(matches!(migrate_pipelines(&pool).await, Err(Error::Migration(_))));
    let missed = schema::check_pipelines(&client).await;
    assert!(matches!(missed, Err(Error::NoTables { .. })), "{missed:?}");
    client.batch_execute("DROP TABLE runs").await.unwrap();
    migrate_pipelines(&pool).await.unwrap();
    schema::check_pipelines(&client).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_release_is_refused() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let client = pool.get().await.unwrap();
    let newer = "INSERT INTO gathering_pipelines_history (version, name, applied_on, checksum)
        SELECT version + 1000, 'later', applied_on, checksum FROM gathering_pipelines_history ORDER BY version DESC LIMIT 1";
    client.execute(newer, &[]).await.unwrap();
    assert!(matches!(migrate(&pool).await, Err(Error::TooNew { found, known }) if found == known + 1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn weeks_are_made_ahead_once_and_new_rows_go_into_theirs() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let client = pool.get().await.unwrap();
    let now: Timestamp = "2031-12-29T12:00:00Z".parse().unwrap();
    let made = futures::future::join_all((0..4).map(|_| async {
        let client = pool.get().await.unwrap();
        partitions::ensure(&client, now).await.unwrap().unwrap()
    }))
    .await;
    // Two tables; the last week of 2031 is ISO week 1 of 2032.
    assert_eq!(made.iter().sum::<i32>(), 2 * partitions::WEEKS_AHEAD);
    assert_eq!(count(&client, WEEKS).await, i64::from(2 * partitions::WEEKS_AHEAD));
    let id =
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.as_millisecond()).unwrap(), &[7; 10]).into_uuid();
    let insert = "INSERT INTO runs (id, project_id, pipeline_id, version, status, input, created_at)
        VALUES ($1, $1, $1, 1, 'queued', '{}', $2) RETURNING tableoid::regclass::text";
    let partition: String = client.query_one(insert, &[&id, &now]).await.unwrap().get(0);
    assert_eq!(partition, "runs_2032w01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_with_rows_in_the_default_partition_is_left_alone_and_the_others_are_made() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let client = pool.get().await.unwrap();
    let now: Timestamp = "2031-12-29T12:00:00Z".parse().unwrap();
    let id =
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.as_millisecond()).unwrap(), &[7; 10]).into_uuid();
    let insert =
        "INSERT INTO run_journal (run_id, seq, epoch, at, kind, node) VALUES ($1, 1, 1, $2, 'node_skipped', 'a')";
    client.execute(insert, &[&id, &now]).await.unwrap();
    assert_eq!(
        partitions::ensure(&client, now).await.unwrap(),
        Some(2 * partitions::WEEKS_AHEAD - 1)
    );
    assert_eq!(count(&client, "SELECT count(*) FROM run_journal").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_rows_are_refused() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let client = pool.get().await.unwrap();
    let (id, now) = (Uuid::from_u128(1), Timestamp::UNIX_EPOCH);
    let values = [
        ("'running', NULL, NULL, NULL, NULL, NULL", "runs_running_has_owner"),
        ("'queued', $1, NULL, NULL, NULL, NULL", "runs_running_has_owner"),
        ("'queued', NULL, $2, NULL, NULL, NULL", "runs_only_waiting_has_wake_at"),
        ("'completed', NULL, NULL, '1', NULL, NULL", "runs_ended_has_end"),
        ("'completed', NULL, NULL, NULL, NULL, $2", "runs_completed_has_output"),
        ("'failed', NULL, NULL, NULL, NULL, $2", "runs_ended_badly_has_error"),
        ("'sleeping', NULL, NULL, NULL, NULL, NULL", "runs_status_check"),
    ];
    for (row, constraint) in values {
        let sql = format!(
            "INSERT INTO runs (id, project_id, pipeline_id, version, input, created_at, status, owner, wake_at, output, error, finished_at)
             VALUES ($1::uuid, $1, $1, 1, '{{}}', $2::timestamptz, {row})"
        );
        let refused = Error::from(client.execute(&sql, &[&id, &now]).await.unwrap_err());
        assert_eq!(refused.constraint(), Some(constraint), "{row}");
    }
}
