//! Firings that end, and what that changes.

use gathering_scheduler::{Ended, FiringStatus, Outcome, Phase};
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn a_firing_that_could_not_be_done_has_failed_and_says_why() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "interval", "every": "1m", "do": "fail"}))
        .await;
    world.at("2026-01-01T00:01:00Z").await;
    let firing = world.firings(id).await.remove(0);
    assert_eq!(firing.status, FiringStatus::Failed);
    let error = firing.error.unwrap().to_value();
    assert_eq!(error, json!({"code": "refused", "message": "it was told to fail"}));
}

#[tokio::test]
async fn a_schedule_pauses_after_so_many_failures_in_a_row() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1m", "do": "stay", "pause_after_failures": 2});
    let id = world.schedule(rules).await;
    for (minute, outcome) in [Outcome::Failed, Outcome::Succeeded, Outcome::Failed, Outcome::Failed]
        .iter()
        .enumerate()
    {
        world.at(&format!("2026-01-01T00:0{}:00Z", minute + 1)).await;
        world.end(id, *outcome).await;
    }
    let Phase::Paused(pause) = world.view(id).await.phase else {
        panic!("it goes on");
    };
    assert_eq!(pause.reason, "its last 2 firings failed");
    assert_eq!(world.at("2026-01-01T00:05:00Z").await, 0);
    let resumed = world.scheduler.resume(id).await.unwrap();
    assert_eq!((resumed.failures, resumed.phase), (0, Phase::Active));
    assert_eq!(world.at("2026-01-01T00:06:00Z").await, 1);
}

#[tokio::test]
async fn failures_within_the_transaction_pause_as_well() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1m", "do": "fail", "pause_after_failures": 1});
    let id = world.schedule(rules).await;
    world.at("2026-01-01T00:01:00Z").await;
    assert!(matches!(world.view(id).await.phase, Phase::Paused(_)));
    assert_eq!(world.at("2026-01-01T00:02:00Z").await, 0);
}

#[tokio::test]
async fn the_embedder_may_say_how_a_firing_ended_in_a_transaction_of_his_own() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "interval", "every": "1m", "overlap": "skip", "do": "stay"}))
        .await;
    world.at("2026-01-01T00:01:00Z").await;
    let firing = world.firings(id).await.remove(0);
    let ended = Ended {
        id: firing.id,
        outcome: Outcome::Succeeded,
        at: world.clock_time(),
        error: None,
    };
    let mut client = world.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    assert!(world.scheduler.firing_ended_in(&tx, ended.clone()).await.unwrap());
    tx.rollback().await.unwrap();
    assert_eq!(world.view(id).await.open, 1, "rolled back, it has not ended");
    let tx = client.transaction().await.unwrap();
    assert!(world.scheduler.firing_ended_in(&tx, ended.clone()).await.unwrap());
    assert!(
        !world.scheduler.firing_ended_in(&tx, ended).await.unwrap(),
        "it ends once"
    );
    tx.commit().await.unwrap();
    assert_eq!(world.view(id).await.open, 0);
    assert_eq!(world.at("2026-01-01T00:02:00Z").await, 1);
}

#[tokio::test]
async fn what_ended_never_changes_again() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    world.at("2026-01-01T00:01:00Z").await;
    let client = world.pool.get().await.unwrap();
    let change = "UPDATE firings SET status = 'started', finished_at = NULL WHERE schedule_id = $1";
    let refused = client.execute(change, &[&id.as_uuid()]).await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("never changes again"));
}

#[tokio::test]
async fn what_waits_when_a_schedule_pauses_is_skipped_and_says_so() {
    let world = World::new().await;
    let rules =
        json!({"kind": "interval", "every": "1m", "overlap": "buffer_all", "do": "stay", "pause_after_failures": 1});
    let id = world.schedule(rules).await;
    for minute in 1..=3 {
        world.at(&format!("2026-01-01T00:0{minute}:00Z")).await;
    }
    world.scheduler.trigger(id).await.unwrap();
    world.end(id, Outcome::Failed).await;
    assert_eq!(world.fire().await, 1, "what was asked for still fires");
    let told = world.told(id).await;
    assert_eq!(told[..3], ["00:01:00 failed", "00:02:00 skipped", "00:03:00 skipped"]);
    assert_eq!(world.firings(id).await[1].reason.as_deref(), Some("paused"));
    let view = world.view(id).await;
    assert_eq!((view.open, view.buffered), (1, 0));
}
