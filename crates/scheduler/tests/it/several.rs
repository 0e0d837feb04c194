//! Several schedulers on one database.

use std::collections::HashSet;

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{World, at};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_schedulers_that_look_at_once_fire_each_due_time_once() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(
            world
                .schedule(json!({"kind": "interval", "every": "1s", "misfire": {"grace": "1m"}}))
                .await,
        );
    }
    let others = [world.another().await, world.another().await, world.another().await];
    for second in 1..=10 {
        world.clock.set(at(&format!("2026-01-01T00:00:{second:02}Z")));
        let mut looks = JoinSet::new();
        for other in &others {
            let other = other.clone();
            looks.spawn(async move {
                for _ in 0..3 {
                    other.fire_due().await.unwrap();
                }
            });
        }
        looks.join_all().await;
        world.fire().await;
    }
    for id in ids {
        let done = world.done(id).await;
        assert_eq!(done.len(), 10, "{done:?}");
        assert_eq!(done.iter().collect::<HashSet<_>>().len(), 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_cut_off_in_the_middle_lose_and_double_nothing() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(
            world
                .schedule(json!({"kind": "interval", "every": "1s", "max_firings": 20, "misfire": {"grace": "1h"}}))
                .await,
        );
    }
    let other = world.another().await;
    for second in 1..=20 {
        world.clock.set(at(&format!("2026-01-01T00:00:{second:02}Z")));
        let mut looking = JoinSet::new();
        looking.spawn({
            let other = other.clone();
            async move { other.fire_due().await.is_ok() }
        });
        let seed = second.to_string();
        world.database.terminate_some(4, &seed).await.unwrap();
        looking.join_all().await;
    }
    gathering_testkit::eventually("all fired", crate::support::LIMIT, async || {
        // Those whose connections were lost rest for a moment.
        world.clock.advance(std::time::Duration::from_secs(1));
        let looked = other.fire_due().await;
        matches!(looked, Ok(looked) if looked.schedules == 0) && world.all_ended(&ids).await
    })
    .await;
    for id in ids {
        let done = world.done(id).await;
        assert_eq!(done.len(), 20, "{done:?}");
        assert_eq!(done.iter().collect::<HashSet<_>>().len(), 20);
    }
}
