//! What a due time does while an earlier firing has not ended.

use std::time::Duration;

use gathering_persistence::{ConnectOptions, connect};
use gathering_scheduler::{FiringStatus, Outcome, ScheduleId, Scheduler};
use serde_json::json;

use crate::support::{World, at};

async fn every_minute(overlap: &str) -> (World, ScheduleId) {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "interval", "every": "1m", "overlap": overlap, "do": "stay"}))
        .await;
    for minute in 1..=3 {
        world.at(&format!("2026-01-01T00:0{minute}:00Z")).await;
    }
    (world, id)
}

#[tokio::test]
async fn allow_fires_beside_what_is_open() {
    let (world, id) = every_minute("allow").await;
    assert_eq!(
        world.told(id).await,
        ["00:01:00 started", "00:02:00 started", "00:03:00 started"]
    );
    assert_eq!(world.view(id).await.open, 3);
}

#[tokio::test]
async fn skip_leaves_out_what_comes_meanwhile_and_says_so() {
    let (world, id) = every_minute("skip").await;
    assert_eq!(
        world.told(id).await,
        ["00:01:00 started", "00:02:00 skipped", "00:03:00 skipped"]
    );
    assert_eq!(world.firings(id).await[1].reason.as_deref(), Some("overlap"));
    world.end(id, Outcome::Succeeded).await;
    assert_eq!(world.at("2026-01-01T00:04:00Z").await, 1);
}

#[tokio::test]
async fn a_firing_that_is_over_holds_nothing_up_though_nobody_has_asked_yet() {
    for overlap in ["skip", "buffer_one", "buffer_all"] {
        let world = World::new().await;
        let id = world
            .schedule(json!({"kind": "interval", "every": "1m", "overlap": overlap, "do": "stay"}))
            .await;
        world.at("2026-01-01T00:01:00Z").await;
        let first = world.firings(id).await[0].id;
        world.effects.end(first, Outcome::Succeeded, world.clock_time());
        world.at("2026-01-01T00:02:00Z").await;
        let told = world.told(id).await;
        assert_eq!(told, ["00:01:00 succeeded", "00:02:00 started"], "{overlap}");
        assert_eq!(world.view(id).await.open, 1, "{overlap}");
    }
}

#[tokio::test]
async fn where_an_end_cannot_be_written_down_now_nothing_fails_and_the_schedule_comes_again_soon() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1m", "overlap": "skip", "do": "stay"});
    let id = world.schedule(rules).await;
    world.at("2026-01-01T00:01:00Z").await;
    let first = world.firings(id).await[0].id;
    world.effects.end(first, Outcome::Succeeded, world.clock_time());
    let mut client = world.pool.get().await.unwrap();
    let holds = client.transaction().await.unwrap();
    let lock = "SELECT id FROM firings WHERE id = $1 FOR UPDATE";
    holds.query_one(lock, &[&first.as_uuid()]).await.unwrap();
    let impatient = ConnectOptions {
        statement_timeout: Duration::from_secs(1),
        ..ConnectOptions::new(world.database.url())
    };
    let pool = connect(&impatient).await.unwrap();
    let builder = Scheduler::builder(pool).clock(world.clock.clone());
    let other = builder.on_fire(world.effects.clone()).build();
    world.clock.set(at("2026-01-01T00:02:00Z"));
    other.fire_due().await.unwrap();
    assert_eq!(world.told(id).await, ["00:01:00 started"]);
    holds.rollback().await.unwrap();
    assert_eq!(world.at("2026-01-01T00:02:10Z").await, 1);
    assert_eq!(world.told(id).await, ["00:01:00 succeeded", "00:02:00 started"]);
}

#[tokio::test]
async fn a_failure_that_nobody_has_asked_about_yet_pauses_before_the_next_due_time() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1m", "overlap": "skip", "pause_after_failures": 1, "do": "stay"});
    let id = world.schedule(rules).await;
    world.at("2026-01-01T00:01:00Z").await;
    let first = world.firings(id).await[0].id;
    world.effects.end(first, Outcome::Failed, world.clock_time());
    assert_eq!(world.at("2026-01-01T00:02:00Z").await, 0);
    assert_eq!(world.told(id).await, ["00:01:00 failed"]);
    let view = world.view(id).await;
    assert_eq!((view.phase.as_str(), view.open), ("paused", 0));
}

#[tokio::test]
async fn buffer_one_lets_one_wait() {
    let (world, id) = every_minute("buffer_one").await;
    assert_eq!(
        world.told(id).await,
        ["00:01:00 started", "00:02:00 buffered", "00:03:00 skipped"]
    );
    world.end(id, Outcome::Failed).await;
    assert_eq!(world.fire().await, 1);
    assert_eq!(
        world.told(id).await,
        ["00:01:00 failed", "00:02:00 started", "00:03:00 skipped"]
    );
}

#[tokio::test]
async fn buffer_all_lets_all_wait_and_fires_them_in_their_order() {
    let (world, id) = every_minute("buffer_all").await;
    assert_eq!(
        world.told(id).await,
        ["00:01:00 started", "00:02:00 buffered", "00:03:00 buffered"]
    );
    world.end(id, Outcome::Succeeded).await;
    world.fire().await;
    world.end(id, Outcome::Succeeded).await;
    world.fire().await;
    let expected = ["00:01:00", "00:02:00", "00:03:00"].map(|time| at(&format!("2026-01-01T{time}Z")));
    assert_eq!(world.done(id).await, expected);
}

#[tokio::test]
async fn cancel_previous_fires_and_takes_back_what_was_open() {
    let (world, id) = every_minute("cancel_previous").await;
    assert_eq!(
        world.told(id).await,
        ["00:01:00 started", "00:02:00 started", "00:03:00 started"]
    );
    let firings = world.firings(id).await;
    let cancelled = world.effects.cancelled.lock().unwrap().clone();
    assert!(cancelled.contains(&firings[0].id) && cancelled.contains(&firings[1].id));
    assert!(!cancelled.contains(&firings[2].id));
    world.effects.end(firings[0].id, Outcome::Cancelled, world.clock_time());
    world.scheduler.settle_ended().await.unwrap();
    let status = world.firings(id).await[0].status;
    assert_eq!(status, FiringStatus::Cancelled);
}

#[tokio::test]
async fn what_waits_under_cancel_previous_takes_each_others_place_one_by_one() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1m", "overlap": "cancel_previous", "misfire": {"policy": "skip"}, "do": "stay"});
    let id = world.schedule(rules).await;
    world.clock.set(at("2026-01-01T00:05:30Z"));
    world.fire().await;
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T00:05:30Z"));
    assert_eq!(
        world.scheduler.backfill(id, from, until).await.unwrap().due_times.len(),
        5
    );
    assert_eq!(world.fire().await, 5);
    let cancelled = world.effects.cancelled.lock().unwrap().clone();
    let firings = world.firings(id).await;
    assert!(
        firings[..4].iter().all(|firing| cancelled.contains(&firing.id)),
        "each but the last was taken back"
    );
    assert!(!cancelled.contains(&firings[4].id));
}
