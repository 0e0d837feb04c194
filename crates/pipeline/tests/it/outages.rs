//! The database goes away and comes back: an instance is fenced, but no process has died.

use std::sync::Arc;

use gathering_persistence::runs;
use gathering_pipeline::{Call, HandlerError, StartRun};
use gathering_testkit::{Shutdown, TestCluster, TestDatabase, eventually};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{Calls, LIMIT, builder, ended, kinds, save};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_under_way_through_three_outages_is_not_suspected_of_killing_processes() {
    let database = TestCluster::own().await.database().await;
    let (calls, open) = (Calls::default(), Arc::new(Semaphore::new(0)));
    let (seen, gate) = (calls.clone(), open.clone());
    let engine = builder(database.pool().await, &calls)
        .handler("slow", move |call: Call| {
            seen.add(call);
            let gate = gate.clone();
            async move {
                let _opened = gate.acquire().await;
                Ok::<_, HandlerError>(json!("done"))
            }
        })
        .build();
    let handle = engine.start().await.unwrap();
    let definition = json!({"nodes": [{"id": "s", "type": "action", "config": {"action": "slow"}}]});
    let pipeline = save(&engine, definition).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    for outage in 1..=3 {
        eventually("the node to be under way", LIMIT, async || calls.of("s") == outage).await;
        database.cluster().stop(Shutdown::Fast);
        eventually("the instance to be fenced", LIMIT, async || {
            engine.instance_id().is_none()
        })
        .await;
        database.cluster().restart().await;
    }
    eventually("the node to be under way again", LIMIT, async || calls.of("s") == 4).await;
    open.add_permits(10);
    assert_eq!(ended(&engine, run).await.head.summary.status, "completed");
    let failed = kinds(&engine, run).await;
    assert!(
        !failed.iter().any(|kind| kind.starts_with("node_quarantined")),
        "{failed:?}"
    );
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_run_waits_there_is_no_time_to_wake_at() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    assert_eq!(runs::next_wake_ms(&pool.get().await.unwrap()).await.unwrap(), None);
}
