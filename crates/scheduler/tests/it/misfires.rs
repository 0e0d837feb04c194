//! What was due while nobody was there.

use serde_json::json;

use crate::support::{World, at};

/// Every ten minutes; down from 00:15 to 01:15 and 30 seconds, so that 00:20 to 01:10 are missed.
async fn down_for_an_hour(misfire: serde_json::Value) -> Vec<String> {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "cron", "cron": "*/10 * * * *", "misfire": misfire}))
        .await;
    assert_eq!(world.at("2026-01-01T00:10:00Z").await, 1);
    world.at("2026-01-01T01:15:30Z").await;
    world.at("2026-01-01T01:20:00Z").await;
    assert_eq!(world.view(id).await.next_due_at, Some(at("2026-01-01T01:30:00Z")));
    world.told(id).await
}

#[tokio::test]
async fn skip_makes_up_for_nothing_and_says_what_was_missed() {
    let told = down_for_an_hour(json!({"policy": "skip"})).await;
    assert_eq!(
        told,
        ["00:10:00 succeeded", "01:10:00 missed (6)", "01:20:00 succeeded"]
    );
}

#[tokio::test]
async fn fire_once_makes_up_for_the_last_one() {
    let told = down_for_an_hour(json!({"policy": "fire_once"})).await;
    let expected = [
        "00:10:00 succeeded",
        "01:00:00 missed (5)",
        "01:10:00 succeeded",
        "01:20:00 succeeded",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn fire_all_makes_up_for_each_up_to_so_many() {
    let told = down_for_an_hour(json!({"policy": "fire_all", "max": 4})).await;
    let expected = [
        "00:10:00 succeeded",
        "00:30:00 missed (2)",
        "00:40:00 succeeded",
        "00:50:00 succeeded",
        "01:00:00 succeeded",
        "01:10:00 succeeded",
        "01:20:00 succeeded",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_lies_before_the_window_stays_missed() {
    let told = down_for_an_hour(json!({"policy": "fire_all", "window": "30m"})).await;
    let expected = [
        "00:10:00 succeeded",
        "00:40:00 missed (3)",
        "00:50:00 succeeded",
        "01:00:00 succeeded",
        "01:10:00 succeeded",
        "01:20:00 succeeded",
    ];
    assert_eq!(told, expected);
    let told = down_for_an_hour(json!({"policy": "fire_once", "window": "5m"})).await;
    assert_eq!(
        told,
        ["00:10:00 succeeded", "01:10:00 missed (6)", "01:20:00 succeeded"]
    );
}

#[tokio::test]
async fn what_is_late_within_its_grace_was_not_missed() {
    let told = down_for_an_hour(json!({"policy": "skip", "grace": "20m"})).await;
    let expected = [
        "00:10:00 succeeded",
        "00:50:00 missed (4)",
        "01:00:00 succeeded",
        "01:10:00 succeeded",
        "01:20:00 succeeded",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn fire_all_fires_one_after_the_other_where_two_must_not_overlap() {
    let world = World::new().await;
    let rules = json!({"kind": "cron", "cron": "*/10 * * * *", "misfire": {"policy": "fire_all"}, "overlap": "skip", "do": "stay"});
    let id = world.schedule(rules).await;
    assert_eq!(world.at("2026-01-01T00:35:00Z").await, 1);
    assert_eq!(
        world.told(id).await,
        ["00:10:00 started", "00:20:00 buffered", "00:30:00 buffered"]
    );
    for _ in 0..3 {
        world.end(id, gathering_scheduler::Outcome::Succeeded).await;
        world.fire().await;
    }
    assert_eq!(
        world.told(id).await,
        ["00:10:00 succeeded", "00:20:00 succeeded", "00:30:00 succeeded"]
    );
    let expected = ["00:10:00", "00:20:00", "00:30:00"].map(|time| at(&format!("2026-01-01T{time}Z")));
    assert_eq!(world.done(id).await, expected);
}

#[tokio::test]
async fn years_of_seconds_that_were_missed_take_one_row_and_one_firing() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "cron", "cron": "* * * * * *"})).await;
    assert_eq!(
        world.at("2028-01-01T00:00:00Z").await,
        7,
        "the last missed one, and the six that are not older than the grace"
    );
    let firings = world.firings(id).await;
    assert_eq!((firings.len(), firings[0].missed_count), (8, None));
    assert_eq!(firings[0].missed_since, Some(at("2026-01-01T00:00:01Z")));
}

#[tokio::test]
async fn a_single_time_that_was_missed_is_made_up_for_within_its_window() {
    let world = World::new().await;
    let once =
        |policy| json!({"kind": "once", "at": "2026-01-01T00:10:00Z", "misfire": {"policy": policy, "window": "1h"}});
    let (made_up, skipped) = (
        world.schedule(once("fire_once")).await,
        world.schedule(once("skip")).await,
    );
    assert_eq!(world.at("2026-01-01T01:05:00Z").await, 1);
    assert_eq!(world.told(made_up).await, ["00:10:00 succeeded"]);
    assert_eq!(world.told(skipped).await, ["00:10:00 missed (1)"]);
}

#[tokio::test]
async fn a_long_jitter_makes_no_more_of_what_was_missed() {
    let world = World::new().await;
    let rules =
        |policy| json!({"kind": "interval", "every": "1s", "jitter": "1d", "misfire": {"policy": policy, "max": 50}});
    let (once, all) = (
        world.schedule(rules("fire_once")).await,
        world.schedule(rules("fire_all")).await,
    );
    world.at("2026-01-01T08:00:00Z").await;
    for (id, made_up) in [(once, 1), (all, 50)] {
        let firings = world.firings(id).await;
        let missed: Vec<_> = firings.iter().filter(|firing| firing.missed_since.is_some()).collect();
        assert_eq!(missed.len(), 1, "one row tells of all that were missed");
        let late = firings.len() - missed.len();
        assert!((made_up..=made_up + 6).contains(&late), "{late} fired");
    }
}

#[tokio::test]
async fn a_look_starts_a_hundred_and_the_rest_at_once_after_it() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1s", "misfire": {"policy": "fire_all", "max": 1000}});
    let id = world.schedule(rules).await;
    world.clock.set(at("2026-01-01T00:10:00Z"));
    assert_eq!(world.scheduler.fire_due().await.unwrap().started, 100);
    assert_eq!(world.fire().await, 500);
    assert_eq!(world.done(id).await.len(), 600);
}
