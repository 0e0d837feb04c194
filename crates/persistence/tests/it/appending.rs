//! What an append of many runs waits for, and what it holds meanwhile.

use std::time::Duration;

use gathering_domain::{InstanceId, Json, RunId};
use gathering_persistence::Connection;
use gathering_persistence::run_journal::{Appended, Batch, HeadChange, NewEntry, append};
use gathering_testkit::{TestDatabase, eventually};
use jiff::Timestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

const OWNER: Uuid = Uuid::from_u128(7);

async fn owned_run(client: &Connection, number: u128) -> RunId {
    let id = Uuid::from_u128(number);
    let insert =
        "INSERT INTO runs (id, project_id, pipeline_id, version, status, owner, epoch, input, created_at, started_at)
        VALUES ($1, $1, $1, 1, 'running', $2, 1, '{}', $3, $3)";
    client
        .execute(insert, &[&id, &OWNER, &Timestamp::UNIX_EPOCH])
        .await
        .unwrap();
    id.into()
}

fn entry(run_id: RunId, kind: &'static str, with_head: bool) -> NewEntry {
    NewEntry {
        run_id,
        seq: 1,
        epoch: 1,
        at: Timestamp::UNIX_EPOCH,
        kind,
        node: (kind != "run_ended").then(|| "only".into()),
        data: Some("{}".to_owned()),
        with_head,
    }
}

fn end(run_id: RunId) -> HeadChange {
    HeadChange {
        run_id,
        epoch: 1,
        status: "completed",
        wait_ms: None,
        held_by: None,
        output: Some(Json::null()),
        error: None,
        finished_at: Some(Timestamp::UNIX_EPOCH),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_waits_for_a_head_has_not_written_an_entry_that_others_would_wait_for() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let mut other = pool.get().await.unwrap();
    let (goes_on, ends) = (owned_run(&other, 1).await, owned_run(&other, 2).await);

    let holder = other.transaction().await.unwrap();
    let lock = "SELECT FROM runs WHERE id = $1 FOR UPDATE";
    holder.execute(lock, &[&ends.as_uuid()]).await.unwrap();
    let mut appending = JoinSet::new();
    appending.spawn({
        let pool = pool.clone();
        async move {
            let batch = Batch {
                entries: vec![entry(goes_on, "node_completed", false), entry(ends, "run_ended", true)],
                heads: vec![end(ends)],
            };
            append(&pool.get().await.unwrap(), InstanceId::from(OWNER), &batch).await
        }
    });
    let watcher = pool.get().await.unwrap();
    eventually("the append waits", Duration::from_secs(10), async || {
        let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted
            AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database()))";
        watcher.query_one(waits, &[]).await.unwrap().get(0)
    })
    .await;

    // In a circle, one of the two would be ended after a second; a lock that is free is had at once.
    holder.batch_execute("SET LOCAL lock_timeout = '500ms'").await.unwrap();
    let same = "INSERT INTO run_journal (run_id, seq, epoch, at, kind) VALUES ($1, 1, 2, now(), 'taken_over')";
    holder.execute(same, &[&goes_on.as_uuid()]).await.unwrap();
    holder.rollback().await.unwrap();
    assert_eq!(appending.join_next().await.unwrap().unwrap().unwrap(), Appended::All);
}
