//! Clocks that are set.

use serde_json::json;

use crate::support::{World, at};

#[tokio::test]
async fn a_clock_that_is_set_back_fires_nothing_twice() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    assert_eq!(world.at("2026-01-01T00:01:00Z").await, 1);
    assert_eq!(world.at("2026-01-01T00:02:00Z").await, 1);
    assert_eq!(world.at("2026-01-01T00:00:30Z").await, 0);
    assert_eq!(world.at("2026-01-01T00:02:00Z").await, 0);
    assert_eq!(world.at("2026-01-01T00:03:00Z").await, 1);
    assert_eq!(world.done(id).await.len(), 3);
}

#[tokio::test]
async fn a_clock_that_is_set_forward_misses_nothing_silently() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    assert_eq!(world.at("2026-01-01T03:00:30Z").await, 1);
    assert_eq!(world.told(id).await, ["02:59:00 missed (179)", "03:00:00 succeeded"]);
}

#[tokio::test]
async fn a_change_under_a_clock_that_was_set_back_fires_nothing_twice() {
    let world = World::new().await;
    let minutes = json!({"kind": "interval", "every": "1m"});
    let id = world.schedule(minutes.clone()).await;
    world.at("2026-01-01T00:01:00Z").await;
    world.at("2026-01-01T00:02:00Z").await;
    world.clock.set(at("2026-01-01T00:00:10Z"));
    world.scheduler.pause(id, "to see", None).await.unwrap();
    let view = world.scheduler.resume(id).await.unwrap();
    assert_eq!(view.next_due_at, Some(at("2026-01-01T00:03:00Z")));
    assert_eq!(world.at("2026-01-01T00:02:00Z").await, 0);
}
