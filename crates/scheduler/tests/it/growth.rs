//! Weeks of firings: made ahead, and dropped when they are old.

use std::time::Duration;

use gathering_scheduler::Limits;
use serde_json::json;

use crate::support::{World, at};

#[tokio::test]
async fn old_weeks_are_dropped_whole_unless_something_in_them_is_open() {
    let limits = Limits {
        retention: Some(Duration::from_hours(30 * 24)),
        ..Limits::default()
    };
    let world = World::with(|builder| builder.limits(limits)).await;
    world.scheduler.look_after().await.unwrap();
    let done = world
        .schedule(json!({"kind": "interval", "every": "1d", "max_firings": 3}))
        .await;
    let rules = json!({"kind": "once", "at": "2026-01-08T00:00:00Z", "do": "stay"});
    let open = world.schedule(rules).await;
    for day in 2..=8 {
        world.at(&format!("2026-01-0{day}T00:00:00Z")).await;
    }
    assert_eq!(
        (world.firings(done).await.len(), world.firings(open).await.len()),
        (3, 1)
    );
    world.clock.set(at("2026-03-01T00:00:00Z"));
    world.scheduler.look_after().await.unwrap();
    assert_eq!(
        (world.firings(done).await.len(), world.firings(open).await.len()),
        (0, 1)
    );
    world.end(open, gathering_scheduler::Outcome::Succeeded).await;
    assert!(world.scheduler.look_after().await.unwrap() >= 1);
    assert_eq!(world.firings(open).await.len(), 0);
}
