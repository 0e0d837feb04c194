//! A history read from a real database and a real receiver.

use std::time::Duration;

use gathering_domain::RunId;
use gathering_testkit::history::{History, NoStart, Violation, check};
use gathering_testkit::{Client, Receiver, TestDatabase};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(10);

const RUN: &str = "01900000-0000-7000-8000-000000000001";

/// A run of `call`, which posts, and `skip`, which was skipped; written long ago.
const ROWS: &str = "
    INSERT INTO pipelines (id, project_id, name, version, created_at, updated_at)
    VALUES ('01900000-0000-7000-8000-00000000000a', '01900000-0000-7000-8000-00000000000b', 'p', 1, 'epoch', 'epoch');
    INSERT INTO runs (id, project_id, pipeline_id, version, status, epoch, input, output, created_at, started_at, finished_at)
    VALUES ('01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-00000000000b',
            '01900000-0000-7000-8000-00000000000a', 1, 'completed', 1, '{}', '{}', 'epoch', 'epoch', '2026-01-01T00:00:00.123456Z');
    INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
    SELECT '01900000-0000-7000-8000-000000000001', seq, 1, '2026-01-01T00:00:00.123456Z'::timestamptz, kind, node, data::json
    FROM (VALUES (1, 'node_completed', 'call', '{}'), (2, 'node_skipped', 'skip', '{}'),
                 (3, 'run_ended', NULL, '{\"status\":\"completed\"}')) AS entries (seq, kind, node, data)";

/// A database with that run, whose node `call` posts to this URL.
async fn database(url: &str) -> TestDatabase {
    let database = TestDatabase::new().await;
    let client = database.pool().await.get().await.unwrap();
    client.batch_execute(ROWS).await.unwrap();
    let call = json!({"action": "call_api", "method": "POST", "url": url});
    let definition = json!({
        "nodes": [{"id": "call", "type": "action", "config": call}, {"id": "skip", "type": "action", "config": call}],
        "edges": [{"from": "call", "to": "skip", "when": "false"}]});
    let insert = "INSERT INTO pipeline_versions (pipeline_id, version, definition, created_at)
                  SELECT id, 1, $1::text::json, created_at FROM pipelines";
    client.execute(insert, &[&definition.to_string()]).await.unwrap();
    database
}

async fn post(receiver: &Receiver, key: &str, body: &Value) {
    let client = Client::new(&receiver.url(""));
    assert_eq!(client.post_once("/hook", key, body).await.status, 200);
}

fn run() -> RunId {
    RUN.parse().unwrap()
}

#[tokio::test]
async fn what_was_written_and_what_came_agree() {
    let receiver = Receiver::start();
    let database = database(&receiver.url("/hook")).await;
    post(&receiver, &format!("{RUN}/call"), &json!({"run": RUN, "node": "call"})).await;
    receiver.wait_for(1, LIMIT).await;
    let mut history = History::read(&database.url(), Some(&receiver)).await;
    history.accept([run()]);
    assert_eq!((history.runs.len(), history.effects.len()), (1, 1));
    assert_eq!(history.effects[0].origin.as_ref().unwrap().key(), format!("{RUN}/call"));
    history.assert_sound();
}

#[tokio::test]
async fn a_request_that_never_came_and_one_that_should_not_have_come_are_found() {
    let receiver = Receiver::start();
    let database = database(&receiver.url("/hook")).await;
    post(&receiver, &format!("{RUN}/skip"), &json!({})).await;
    receiver.wait_for(1, LIMIT).await;
    let found = check(&History::read(&database.url(), Some(&receiver)).await);
    let expected = [
        Violation::EffectWithoutStart {
            what: "POST /hook".to_owned(),
            name: format!("{RUN}/skip"),
            why: NoStart::Skipped(2),
        },
        Violation::MissingEffect {
            run: run(),
            node: "call".to_owned(),
            seq: 1,
        },
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_goes_elsewhere_is_not_expected_here() {
    let receiver = Receiver::start();
    let elsewhere = database("http://127.0.0.1:9/hook").await;
    History::read(&elsewhere.url(), Some(&receiver)).await.assert_sound();
    let here = database(&receiver.url("/hook")).await;
    History::read(&here.url(), None).await.assert_sound();
}

#[tokio::test]
async fn a_journal_without_a_head_is_a_lost_run() {
    let database = database("http://127.0.0.1:9/hook").await;
    let client = database.pool().await.get().await.unwrap();
    client.execute("DELETE FROM runs", &[]).await.unwrap();
    let found = check(&History::read(&database.url(), None).await);
    assert_eq!(
        found,
        [Violation::LostRun {
            run: run(),
            status: None
        }]
    );
}
