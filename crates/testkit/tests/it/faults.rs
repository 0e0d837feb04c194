//! Faults of the database, made at will.

use std::time::Duration;

use gathering_testkit::{Proxy, Shutdown, TestCluster, TestDatabase, eventually};
use tokio_postgres::{Client, NoTls};

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

    for how in [Shutdown::Fast, Shutdown::Immediate] {
        cluster.stop(how);
        cluster.restart().await;
        assert_eq!(kept(&database).await, 7);
    }
}

async fn kept(database: &TestDatabase) -> i32 {
    let client = database.pool().await.get().await.unwrap();
    client.query_one("SELECT n FROM kept", &[]).await.unwrap().get(0)
}

/// A session over the proxy; its other half ends with the test.
async fn over(proxy: &Proxy) -> Client {
    let (client, connection) = tokio_postgres::connect(&proxy.url(), NoTls).await.unwrap();
    tokio::runtime::Handle::current().spawn(connection);
    client
}

async fn count(database: &TestDatabase) -> i64 {
    let client = database.pool().await.get().await.unwrap();
    client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_line_that_falls_silent_delivers_later_and_one_that_is_cut_does_not() {
    let database = TestDatabase::empty().await;
    let proxy = Proxy::start(&database.url()).await;
    let client = over(&proxy).await;
    client.batch_execute("CREATE TABLE t (n integer)").await.unwrap();

    proxy.fall_silent();
    let inserting = client.batch_execute("INSERT INTO t VALUES (1)");
    let speaking = async {
        assert_eq!(count(&database).await, 0);
        proxy.speak();
    };
    tokio::join!(inserting, speaking).0.unwrap();
    assert_eq!(count(&database).await, 1);

    proxy.fall_silent();
    let inserting = client.batch_execute("INSERT INTO t VALUES (2)");
    let cutting = async {
        assert_eq!(count(&database).await, 1);
        proxy.cut();
        proxy.speak();
    };
    assert!(tokio::join!(inserting, cutting).0.is_err());
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_was_an_answer_all_the_same() {
    let database = TestDatabase::empty().await;
    let proxy = Proxy::start(&database.url()).await;
    let client = over(&proxy).await;
    client.batch_execute("CREATE TABLE t (n integer)").await.unwrap();
    proxy.lose_answers(1);
    assert!(client.batch_execute("INSERT INTO t VALUES (1)").await.is_err());
    assert_eq!(count(&database).await, 1);
    assert!(over(&proxy).await.batch_execute("SELECT 1").await.is_ok());
}

#[tokio::test]
async fn a_transaction_stays_open_for_as_long_as_it_is_told() {
    let database = TestDatabase::empty().await;
    let client = database.pool().await.get().await.unwrap();
    client
        .batch_execute("CREATE TABLE t (n integer); SET lock_timeout = '1ms'")
        .await
        .unwrap();
    let meanwhile = async {
        assert!(client.batch_execute("INSERT INTO t VALUES (1)").await.is_err());
    };
    database
        .in_transaction("LOCK TABLE t IN EXCLUSIVE MODE", meanwhile)
        .await
        .unwrap();
    assert!(client.batch_execute("INSERT INTO t VALUES (1)").await.is_ok());
}
