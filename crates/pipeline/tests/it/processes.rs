//! Real processes: this very test program, started again to work as an instance.

use std::io::Read as _;
use std::process::Stdio;

use gathering_persistence::{ConnectOptions, connect};
use gathering_pipeline::{Call, HandlerError, StartRun};
use gathering_testkit::{TestDatabase, until};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::{Calls, LIMIT, builder, ended, history, kinds, save};

/// Tells the program that it is to work, and on which database.
const DATABASE: &str = "GATHERING_TEST_INSTANCE_OF";

/// A process that works on the database; its action `kill` aborts it. It ends with the value.
fn instance(database: &TestDatabase) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::works_as_an_instance", "--ignored"])
        .env(DATABASE, database.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Not a test: what [`instance`] runs. It works until it is killed, or until whoever started it is gone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is a process that other tests start"]
async fn works_as_an_instance() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let pool = connect(&ConnectOptions::new(url)).await.unwrap();
    let engine = builder(pool, &Calls::default())
        .handler("kill", async |_: Call| -> Result<Value, HandlerError> {
            std::process::abort()
        })
        .build();
    let handle = engine.start().await.unwrap();
    let left_alone = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    left_alone.await.unwrap().unwrap();
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_kills_its_process_does_so_three_times_for_each_release() {
    let database = TestDatabase::new().await;
    let calls = Calls::default();
    let mended = builder(database.pool().await, &calls)
        .handler("kill", async |_: Call| Ok::<_, HandlerError>(json!("mended")))
        .build();
    // What is under way beside it is suspected as well, so the other branch begins later.
    let definition = json!({"nodes": [
        {"id": "k", "type": "action", "config": {"action": "kill"}},
        {"id": "d", "type": "delay", "config": {"duration": "1s"}},
        {"id": "o", "type": "action", "config": {"action": "echo"}}],
      "edges": [{"from": "d", "to": "o"}]});
    let pipeline = save(&mended, definition).await;
    let run = mended.start_run(StartRun::new(pipeline)).await.unwrap().id;
    let project = mended.run(run).await.unwrap().unwrap().head.summary.project_id;
    let quarantine = async || mended.quarantine(project, None, 10).await.unwrap().items;

    let mut deaths = 0;
    for released in [false, true] {
        if released {
            assert!(mended.release_node(run, "k").await.unwrap().unwrap().changed);
            assert!(quarantine().await.is_empty());
        }
        let mut working = instance(&database);
        let quarantined = until("the node to be in quarantine", LIMIT, async || {
            if working.try_wait().unwrap().is_some() {
                deaths += 1;
                working = instance(&database);
            }
            quarantine().await.pop()
        })
        .await;
        assert_eq!((quarantined.run_id, quarantined.node.as_str()), (run, "k"));
        assert!(
            quarantined.error.message.starts_with("3 processes died"),
            "{:?}",
            quarantined.error
        );
        until("the run to rest", LIMIT, async || {
            let view = mended.run(run).await.unwrap().unwrap();
            let seen = (
                view.head.summary.status.as_str(),
                view.nodes[0].status,
                view.nodes[2].status,
            );
            (seen == ("waiting", "quarantined", "completed")).then_some(())
        })
        .await;
        assert!(working.try_wait().unwrap().is_none(), "the last one lives");
    }
    assert_eq!(deaths, 6);

    let handle = mended.start().await.unwrap();
    assert!(mended.release_node(run, "k").await.unwrap().unwrap().changed);
    assert_eq!(ended(&mended, run).await.head.summary.status, "completed");
    let of_node = kinds(&mended, run).await;
    assert_eq!(of_node.iter().filter(|kind| *kind == "node_completed o").count(), 1);
    handle.shutdown(LIMIT).await;
    history(&database, &[]).await.assert_sound();
}
