//! The engine in a database that others live in too.

use gathering_persistence::{ConnectOptions, Pool, connect, migrate_pipelines};
use gathering_pipeline::{Error, StartRun};
use gathering_testkit::TestDatabase;
use serde_json::json;

use crate::support::{Calls, LIMIT, builder, chain, ended, save};

/// What an embedder may have called his own tables, and what another migration tool left.
const FOREIGN: &str = "
    CREATE TABLE users (name text);
    CREATE TABLE runs (distance_km integer);
    CREATE TABLE run_journal_default (page integer);
    CREATE TABLE refinery_schema_history (version integer, name text, applied_on text, checksum text);
    INSERT INTO refinery_schema_history VALUES (7, 'theirs', '2026-01-01', '1')";

async fn pool_in(database: &TestDatabase, schema: &str) -> Pool {
    let options = ConnectOptions::new(database.url()).schema(schema);
    connect(&options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_in_schemas_of_their_own_work_beside_the_embedders_tables() {
    let database = TestDatabase::empty().await;
    let theirs = database.pool().await;
    let client = theirs.get().await.unwrap();
    client.batch_execute(FOREIGN).await.unwrap();

    let (one, two) = (pool_in(&database, "one").await, pool_in(&database, "two").await);
    let mut engines = Vec::new();
    for pool in [&one, &two] {
        migrate_pipelines(pool).await.unwrap();
        let calls = Calls::default();
        let engine = builder(pool.clone(), &calls).build();
        let handle = engine.start().await.unwrap();
        engines.push((engine, handle, calls));
    }
    for (engine, _, calls) in &engines {
        let pipeline = save(engine, chain(&["a", "b"])).await;
        let run = engine
            .start_run(StartRun::new(pipeline).input(json!({"n": 1})))
            .await
            .unwrap()
            .id;
        assert_eq!(ended(engine, run).await.head.summary.status, "completed");
        assert_eq!((calls.of("a"), calls.of("b")), (1, 1));
    }
    let made = "SELECT count(*), count(*) FILTER (WHERE nspname = 'public') FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relname ~ '^(runs|run_journal)_\\d{4}w\\d{2}$'";
    let row = client.query_one(made, &[]).await.unwrap();
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, i64>(1)),
        (16, 0),
        "four weeks of two tables in each schema"
    );
    let counts = "SELECT (SELECT count(*) FROM one.runs), (SELECT count(*) FROM two.runs), (SELECT count(*) FROM refinery_schema_history)";
    let row = client.query_one(counts, &[]).await.unwrap();
    assert_eq!([row.get::<_, i64>(0), row.get(1), row.get(2)], [1, 1, 1]);
    for (_, handle, _) in engines {
        handle.shutdown(LIMIT).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_tables_are_elsewhere_says_where_it_looked_and_what_to_do() {
    let database = TestDatabase::empty().await;
    migrate_pipelines(&pool_in(&database, "apart").await).await.unwrap();
    let elsewhere = builder(database.pool().await, &Calls::default()).build();
    let Err(Error::Database(error)) = elsewhere.start().await else {
        unreachable!("it started without tables");
    };
    let told = error.to_string();
    for part in ["`public`", "call migrate", "options=-csearch_path=SCHEMA"] {
        assert!(told.contains(part), "{told}");
    }
    let url = format!("{}?options=-csearch_path%3Dapart", database.url());
    let own = connect(&ConnectOptions::new(url)).await.unwrap();
    let handle = builder(own, &Calls::default()).build().start().await.unwrap();
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_would_need_quoting_is_refused() {
    let database = TestDatabase::empty().await;
    for name in ["", "a b", "Upper", "1st", "pg_mine", "x; DROP TABLE runs", "a,public"] {
        let refused = connect(&ConnectOptions::new(database.url()).schema(name)).await;
        let told = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("cannot be the name of a schema"), "{name}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_searches_other_schemas_is_told_so_with_the_cure() {
    let database = TestDatabase::empty().await;
    let pool = pool_in(&database, "one").await;
    migrate_pipelines(&pool).await.unwrap();
    let engine = builder(pool, &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;

    let mut client = database.pool().await.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let refused = engine.start_run_in(&transaction, StartRun::new(pipeline)).await;
    let Err(Error::Database(error)) = refused else {
        unreachable!("it found tables in the schema public: {refused:?}");
    };
    assert!(error.to_string().contains("SET LOCAL search_path"), "{error}");
    transaction.rollback().await.unwrap();

    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute("SET LOCAL search_path = one").await.unwrap();
    engine
        .start_run_in(&transaction, StartRun::new(pipeline))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_named_first_is_made_and_until_then_missed_with_the_cure() {
    let database = TestDatabase::empty().await;
    let url = format!("{}?options=-csearch_path%3Dabsent,public", database.url());
    for path in [
        pool_in(&database, "absent").await,
        connect(&ConnectOptions::new(&url)).await.unwrap(),
    ] {
        let Err(Error::Database(error)) = builder(path, &Calls::default()).build().start().await else {
            unreachable!("it started without tables");
        };
        assert!(error.to_string().contains("call migrate"), "{error}");
    }
    migrate_pipelines(&connect(&ConnectOptions::new(&url)).await.unwrap())
        .await
        .unwrap();
    let client = database.pool().await.get().await.unwrap();
    let made = "SELECT to_regclass('absent.runs') IS NOT NULL, to_regclass('public.runs') IS NULL";
    let row = client.query_one(made, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (true, true));
}
