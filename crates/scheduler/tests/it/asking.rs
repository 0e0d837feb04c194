//! Firings that somebody asks for.

use gathering_scheduler::{Error, FiringStatus, Outcome};
use serde_json::json;

use crate::support::{World, at};

#[tokio::test]
async fn a_trigger_fires_now_and_leaves_the_due_times_alone() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "cron", "cron": "0 0 * * *"})).await;
    let firing = world.scheduler.trigger(id).await.unwrap();
    assert_eq!(firing.status, FiringStatus::Buffered);
    assert_eq!(world.fire().await, 1);
    assert_eq!(world.told(id).await, ["00:00:00 succeeded"]);
    let view = world.view(id).await;
    assert_eq!((view.next_due_at, view.fired), (Some(at("2026-01-02T00:00:00Z")), 0));
}

#[tokio::test]
async fn two_triggers_of_one_moment_are_two_firings() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "cron", "cron": "0 0 * * *"})).await;
    let (one, two) = (
        world.scheduler.trigger(id).await.unwrap(),
        world.scheduler.trigger(id).await.unwrap(),
    );
    assert_ne!(one.due_at, two.due_at);
    assert_eq!(world.fire().await, 2);
}

#[tokio::test]
async fn a_trigger_waits_for_what_it_must_not_overlap() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "interval", "every": "1m", "overlap": "skip", "do": "stay"}))
        .await;
    world.at("2026-01-01T00:01:00Z").await;
    world.scheduler.trigger(id).await.unwrap();
    assert_eq!(world.fire().await, 0);
    world.end(id, Outcome::Succeeded).await;
    assert_eq!(world.fire().await, 1);
}

#[tokio::test]
async fn a_paused_schedule_fires_what_is_asked_for_and_nothing_else() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    world
        .scheduler
        .pause(id, "the receiver is being moved", None)
        .await
        .unwrap();
    assert_eq!(world.at("2026-01-01T00:05:00Z").await, 0);
    world.scheduler.trigger(id).await.unwrap();
    assert_eq!(world.fire().await, 1);
    let view = world.scheduler.resume(id).await.unwrap();
    assert_eq!(
        view.next_due_at,
        Some(at("2026-01-01T00:06:00Z")),
        "what passed meanwhile is not made up for"
    );
    assert_eq!(world.at("2026-01-01T00:06:00Z").await, 1);
}

#[tokio::test]
async fn a_backfill_fires_what_was_missed_and_never_what_has_fired() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "cron", "cron": "*/10 * * * *", "misfire": {"policy": "skip"}}))
        .await;
    world.at("2026-01-01T00:10:00Z").await;
    world.at("2026-01-01T00:45:00Z").await;
    assert_eq!(world.told(id).await, ["00:10:00 succeeded", "00:40:00 missed (3)"]);
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T02:00:00Z"));
    let filled = world.scheduler.backfill(id, from, until).await.unwrap();
    let times = ["00:00:00", "00:20:00", "00:30:00", "00:40:00"].map(|time| at(&format!("2026-01-01T{time}Z")));
    assert_eq!((filled.due_times, filled.already_fired), (times.to_vec(), 1));
    assert_eq!(world.fire().await, 4);
    let again = world.scheduler.backfill(id, from, until).await.unwrap();
    assert_eq!((again.due_times.len(), again.already_fired), (0, 5));
    assert_eq!(world.at("2026-01-01T00:50:00Z").await, 1);
    assert_eq!(world.done(id).await.len(), 6);
}

#[tokio::test]
async fn a_backfill_that_is_too_long_or_lies_ahead_is_refused() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "cron", "cron": "* * * * *"})).await;
    let ask = async |from: &str, until: &str| world.scheduler.backfill(id, at(from), at(until)).await;
    let Err(Error::Invalid { problems }) = ask("2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z").await else {
        panic!("more than a thousand were taken");
    };
    assert_eq!(problems[0].field, "until");
    let ahead = ask("2026-01-01T00:00:30Z", "2026-01-02T00:00:00Z").await;
    assert!(matches!(ahead, Err(Error::Invalid { .. })), "{ahead:?}");
}

#[tokio::test]
async fn a_trigger_with_a_key_fires_once_however_often_it_is_asked_for() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "cron", "cron": "0 0 * * *"})).await;
    let one = world.scheduler.trigger_once(id, "a-key").await.unwrap();
    assert_eq!(world.fire().await, 1);
    let again = world.scheduler.trigger_once(id, "a-key").await.unwrap();
    assert!(!one.replayed && again.replayed);
    assert_eq!(
        (again.firing.id, again.firing.status),
        (one.firing.id, FiringStatus::Succeeded)
    );
    assert_eq!(world.fire().await, 0);
    let both = tokio::join!(
        world.scheduler.trigger_once(id, "other"),
        world.scheduler.trigger_once(id, "other")
    );
    let (one, two) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!(one.firing.id, two.firing.id);
    assert_eq!(world.fire().await, 1);
}

#[tokio::test]
async fn a_backfill_asks_for_nothing_that_was_never_due() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "10m"})).await;
    world.clock.set(at("2026-01-01T00:09:00Z"));
    let (from, until) = (at("2025-12-31T00:00:00Z"), at("2026-01-01T00:09:00Z"));
    let filled = world.scheduler.backfill(id, from, until).await.unwrap();
    assert_eq!(filled.due_times, []);
}
