//! Databases of the tests' own.

use gathering_testkit::TestDatabase;

/// The names of the tables in the database.
async fn tables(database: &TestDatabase) -> Vec<String> {
    let client = database.pool().await.get().await.unwrap();
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename";
    client
        .query(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

#[tokio::test]
async fn a_new_database_has_all_migrations() {
    let tables = tables(&TestDatabase::new().await).await;
    assert!(tables.contains(&"runs".to_owned()), "{tables:?}");
    assert!(tables.contains(&"users".to_owned()), "{tables:?}");
}

#[tokio::test]
async fn an_empty_database_has_nothing_in_it() {
    assert!(tables(&TestDatabase::empty().await).await.is_empty());
}

#[tokio::test]
async fn what_one_test_writes_no_other_sees() {
    let (one, other) = (TestDatabase::new().await, TestDatabase::new().await);
    let client = one.pool().await.get().await.unwrap();
    client.batch_execute("CREATE TABLE mine (n int)").await.unwrap();
    assert!(tables(&one).await.contains(&"mine".to_owned()));
    assert!(!tables(&other).await.contains(&"mine".to_owned()));
}

#[tokio::test]
async fn a_database_is_dropped_once_its_test_is_over() {
    let over = TestDatabase::new().await;
    let name = over.name().to_owned();
    // Its pool is still open.
    let _pool = over.pool().await;
    drop(over);
    // The next one that anybody makes drops it; another test may be that one, and still be at it.
    gathering_testkit::eventually("it is gone", std::time::Duration::from_secs(30), async || {
        let next = TestDatabase::empty().await;
        let client = next.pool().await.get().await.unwrap();
        let sql = "SELECT count(*) FROM pg_database WHERE datname = $1";
        client.query_one(sql, &[&name]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

#[tokio::test]
async fn the_owner_of_a_tests_database_is_no_superuser() {
    let database = TestDatabase::new().await;
    let client = database.pool().await.get().await.unwrap();
    let sql = "SELECT current_user::text, rolsuper FROM pg_roles WHERE rolname = current_user";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), ("gathering", false));
}
