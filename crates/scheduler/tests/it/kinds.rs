//! Each kind of schedule is due when it says, and fires once for each due time.

use gathering_scheduler::{Error, NewSchedule, Outcome, Phase};
use serde_json::json;

use crate::support::{World, at};

#[tokio::test]
async fn a_cron_schedule_fires_once_at_each_of_its_times() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "cron", "cron": "*/15 * * * *"})).await;
    assert_eq!(world.at("2026-01-01T00:14:59Z").await, 0);
    assert_eq!(world.at("2026-01-01T00:15:00Z").await, 1);
    assert_eq!(world.fire().await, 0);
    assert_eq!(world.at("2026-01-01T00:30:02Z").await, 1);
    assert_eq!(
        world.done(id).await,
        [at("2026-01-01T00:15:00Z"), at("2026-01-01T00:30:00Z")]
    );
    assert_eq!(world.view(id).await.next_due_at, Some(at("2026-01-01T00:45:00Z")));
}

#[tokio::test]
async fn an_interval_counts_from_its_creation_or_from_its_start() {
    let world = World::new().await;
    let from_creation = world.schedule(json!({"kind": "interval", "every": "10m"})).await;
    let rules = json!({"kind": "interval", "every": "10m", "start_at": "2026-01-01T00:03:00Z"});
    let from_start = world.schedule(rules).await;
    world.at("2026-01-01T00:03:01Z").await;
    world.at("2026-01-01T00:10:01Z").await;
    world.at("2026-01-01T00:13:01Z").await;
    assert_eq!(world.told(from_creation).await, ["00:10:00 succeeded"]);
    assert_eq!(
        world.told(from_start).await,
        ["00:03:00 succeeded", "00:13:00 succeeded"]
    );
}

#[tokio::test]
async fn a_fixed_delay_counts_from_the_end_of_the_last_firing() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "10m", "mode": "fixed_delay", "do": "stay"});
    let id = world.schedule(rules).await;
    assert_eq!(world.at("2026-01-01T00:10:01Z").await, 1);
    assert_eq!(world.at("2026-01-01T00:25:00Z").await, 0, "the first one has not ended");
    world.end(id, Outcome::Succeeded).await;
    assert_eq!(world.view(id).await.next_due_at, Some(at("2026-01-01T00:35:00Z")));
    assert_eq!(world.at("2026-01-01T00:35:00Z").await, 1);
}

#[tokio::test]
async fn once_is_once_and_then_the_schedule_has_ended() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "once", "at": "2026-01-01T01:00:10+01:00", "misfire": {"grace": "1m"}}))
        .await;
    assert_eq!(world.told(id).await, Vec::<String>::new());
    let late = world
        .schedule(json!({"kind": "once", "at": "2026-01-01T00:00:30Z"}))
        .await;
    assert_eq!(world.at("2026-01-01T00:00:31Z").await, 2);
    assert_eq!(world.at("2026-01-02T00:00:00Z").await, 0);
    assert_eq!(world.view(late).await.phase, Phase::Ended);
    assert_eq!(world.view(id).await.fired, 1);
}

#[tokio::test]
async fn a_schedule_ends_with_its_end_or_its_last_firing() {
    let world = World::new().await;
    let ends = json!({"kind": "interval", "every": "1m", "end_at": "2026-01-01T00:03:00Z"});
    let (ends, counted) = (
        world.schedule(ends).await,
        world
            .schedule(json!({"kind": "interval", "every": "1m", "max_firings": 3}))
            .await,
    );
    for minute in 1..=9 {
        world.at(&format!("2026-01-01T00:0{minute}:00Z")).await;
    }
    assert_eq!(world.told(ends).await, ["00:01:00 succeeded", "00:02:00 succeeded"]);
    assert_eq!(world.told(counted).await.len(), 3);
    assert_eq!(world.view(ends).await.phase, Phase::Ended);
    assert_eq!(world.view(counted).await.phase, Phase::Ended);
}

#[tokio::test]
async fn jitter_puts_a_firing_off_by_the_same_time_wherever_it_is_asked() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "cron", "cron": "0 * * * *", "jitter": "10m"}))
        .await;
    let view = world.view(id).await;
    let (due, fires) = (view.next_due_at.unwrap(), view.next_fire_at.unwrap());
    assert!(fires >= due && fires.duration_since(due).as_secs() <= 600, "{fires}");
    let other = world.another().await;
    assert_eq!(other.schedule(id).await.unwrap().unwrap().next_fire_at, Some(fires));
    world.clock.set(fires);
    assert_eq!(world.fire().await, 1);
    assert_eq!(world.done(id).await, [due]);
}

#[tokio::test]
async fn what_never_fires_is_refused_when_it_is_saved() {
    let world = World::new().await;
    let never = [
        (json!({"kind": "cron", "cron": "0 0 30 2 *"}), "cron"),
        (json!({"kind": "once", "at": "2025-12-31T23:59:59Z"}), "at"),
        (
            json!({"kind": "interval", "every": "2h", "end_at": "2026-01-01T01:00:00Z"}),
            "end_at",
        ),
        (
            json!({"kind": "cron", "cron": "0 0 * * 6", "exclude": ["sat"]}),
            "exclude",
        ),
    ];
    for (rules, field) in never {
        let refused = world.scheduler.create(NewSchedule::new("never", rules.clone())).await;
        let Err(Error::Invalid { problems }) = refused else {
            panic!("{rules} was taken: {refused:?}");
        };
        assert_eq!(
            (problems[0].field.as_str(), problems[0].code),
            (field, "never_fires"),
            "{rules}"
        );
    }
}
