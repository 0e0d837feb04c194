//! Faults of the database, made at will.

use std::time::Duration;

use gathering_testkit::{TestCluster, TestDatabase, eventually};

#[tokio::test]
async fn sessions_end_when_the_server_ends_them() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let client = pool.get().await.unwrap();
    assert_eq!(database.terminate_backends().await, 1);
    assert!(client.query("SELECT 1", &[]).await.is_err());
    drop(client);
    eventually("the pool connects anew", Duration::from_secs(10), async || {
        pool.get().await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_cluster_of_the_tests_own_can_be_restarted_and_killed() {
    let cluster = TestCluster::own().await;
    let database = cluster.database().await;
    let client = database.pool().await.get().await.unwrap();
    client
        .batch_execute("CREATE TABLE kept AS SELECT 7 AS n")
        .await
        .unwrap();

    cluster.restart().await;
    assert!(client.query("SELECT 1", &[]).await.is_err());
    assert_eq!(kept(&database).await, 7);

    cluster.kill9();
    cluster.restart().await;
    assert_eq!(kept(&database).await, 7);
}

async fn kept(database: &TestDatabase) -> i32 {
    let client = database.pool().await.get().await.unwrap();
    client.query_one("SELECT n FROM kept", &[]).await.unwrap().get(0)
}
