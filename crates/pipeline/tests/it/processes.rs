//! Real processes: this very test program, started again to work as an instance.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use gathering_persistence::{ConnectOptions, Pool, connect};
use gathering_pipeline::{Call, Engine, HandlerError, StartRun};
use gathering_testkit::{TestDatabase, until};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::{Calls, LIMIT, builder, ended, history, kinds, save};

/// Tells the program that it is to work, and on which database.
const DATABASE: &str = "GATHERING_TEST_INSTANCE_OF";

/// How long the action `slow` takes.
const SLOW: Duration = Duration::from_millis(100);

/// How long the action `slower` takes.
const SLOWER: Duration = Duration::from_secs(2);

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

/// The engine of such a process.
fn deadly(pool: Pool) -> Engine {
    builder(pool, &Calls::default())
        .handler("kill", async |_: Call| -> Result<Value, HandlerError> {
            std::process::abort()
        })
        .handler("slow", async |_: Call| -> Result<Value, HandlerError> {
            tokio::time::sleep(SLOW).await;
            Ok(json!("done"))
        })
        .handler("slower", async |_: Call| -> Result<Value, HandlerError> {
            tokio::time::sleep(SLOWER).await;
            Ok(json!("done"))
        })
        .build()
}

/// Not a test: what [`instance`] runs. It works until it is killed, or until whoever started it is gone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is a process that other tests start"]
async fn works_as_an_instance() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let pool = connect(&ConnectOptions::new(url)).await.unwrap();
    let handle = deadly(pool).start().await.unwrap();
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
                view.nodes[0].status.as_str(),
                view.nodes[2].status.as_str(),
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

/// A node that kills its process in the middle of `beside` slow ones.
fn killer_among(beside: usize) -> Value {
    let node = |index: usize| {
        let (id, action) = if index == beside / 2 {
            ("k".to_owned(), "kill")
        } else {
            (format!("slow_{index}"), "slow")
        };
        json!({"id": id, "type": "action", "config": {"action": action}})
    };
    json!({"nodes": (0..=beside).map(node).collect::<Vec<_>>(), "edges": []})
}

/// Starts runs with a killer and so many innocent nodes each, and lets so many instances work on them, each replaced when it dies, until all
/// runs rest. Gives how many died.
async fn killers_rest_and_only_they(runs: usize, beside: usize, instances: usize) -> usize {
    let database = TestDatabase::new().await;
    // This one never works.
    let asked = deadly(database.pool().await);
    let pipeline = save(&asked, killer_among(beside)).await;
    let mut started = Vec::new();
    for _ in 0..runs {
        started.push(asked.start_run(StartRun::new(pipeline)).await.unwrap().id);
    }
    let mut working: Vec<_> = (0..instances).map(|_| instance(&database)).collect();
    let mut deaths = 0;
    for run in started {
        let view = until("the run to rest", 3 * LIMIT, async || {
            for one in &mut working {
                if one.try_wait().unwrap().is_some() {
                    deaths += 1;
                    *one = instance(&database);
                }
            }
            let view = asked.run(run).await.unwrap().unwrap();
            (view.head.summary.status == "waiting").then_some(view)
        })
        .await;
        for node in &view.nodes {
            let expected = if &*node.id == "k" { "quarantined" } else { "completed" };
            assert_eq!(node.status, expected, "{}", node.id);
        }
    }
    assert!(working.iter_mut().all(|one| one.try_wait().unwrap().is_none()));
    history(&database, &[]).await.assert_sound();
    deaths
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_node_that_kills_and_twenty_beside_it_only_the_one_that_kills_is_quarantined() {
    let deaths = killers_rest_and_only_they(1, 20, 1).await;
    assert!((3..=5).contains(&deaths), "{deaths} processes died");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_nodes_the_one_that_kills_is_found_with_few_deaths() {
    let deaths = killers_rest_and_only_they(1, 99, 1).await;
    assert!((3..=5).contains(&deaths), "{deaths} processes died");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_with_a_node_that_kills_on_two_instances_only_those_two_nodes_are_quarantined() {
    let deaths = killers_rest_and_only_they(2, 20, 2).await;
    assert!((3..=10).contains(&deaths), "{deaths} processes died");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_kill_in_two_runs_on_one_instance_are_both_found() {
    let deaths = killers_rest_and_only_they(2, 20, 1).await;
    assert!((4..=10).contains(&deaths), "{deaths} processes died");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_nodes_whose_process_was_killed_twice_are_tried_together_and_not_one_after_the_other() {
    const NODES: usize = 40;
    let database = TestDatabase::new().await;
    // This one never works.
    let asked = deadly(database.pool().await);
    let slower = |index| json!({"id": format!("n{index}"), "type": "action", "config": {"action": "slower"}});
    let definition = json!({"nodes": (0..NODES).map(slower).collect::<Vec<_>>(), "edges": []});
    let pipeline = save(&asked, definition).await;
    let run = asked.start_run(StartRun::new(pipeline)).await.unwrap().id;
    let started = async || {
        let journal = asked.journal(run, 0, 1_000).await.unwrap();
        journal
            .into_iter()
            .filter(|entry| entry.kind == "attempt_started")
            .collect::<Vec<_>>()
    };
    let mut working = instance(&database);
    until("the run to be under way", LIMIT, async || {
        let status = asked.run_head(run).await.unwrap().unwrap().summary.status;
        (status == "running").then_some(())
    })
    .await;
    working.kill().await.unwrap();
    working = instance(&database);
    until("the nodes to be under way again", LIMIT, async || {
        (started().await.len() == NODES).then_some(())
    })
    .await;
    working.kill().await.unwrap();
    let last = instance(&database);
    let view = ended(&asked, run).await;
    drop(last);

    assert_eq!(view.head.summary.status, "completed");
    let on_trial = started().await.split_off(NODES);
    assert_eq!(on_trial.len(), NODES);
    for entry in &on_trial {
        let facts: Value = entry.data.as_ref().unwrap().parse().unwrap();
        assert_eq!(facts["together"], NODES, "{facts}");
    }
    let took = view.head.summary.finished_at.unwrap().duration_since(on_trial[0].at);
    assert!(took.unsigned_abs() < 2 * SLOWER, "the trial took {took:?}");
    history(&database, &[]).await.assert_sound();
}
