//! Schedules that are changed and deleted.

use gathering_scheduler::{Error, NewSchedule, UpdateSchedule};
use serde_json::json;

use crate::support::{World, at};

fn rules(id: gathering_scheduler::ScheduleId, rules: serde_json::Value) -> UpdateSchedule {
    UpdateSchedule {
        id,
        name: None,
        rules: Some(rules.into()),
        payload: None,
        expected_revision: None,
    }
}

#[tokio::test]
async fn other_rules_hold_from_now_on() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    world.at("2026-01-01T00:01:00Z").await;
    let update = rules(id, json!({"kind": "cron", "cron": "0 * * * *"}));
    let view = world.scheduler.update(update).await.unwrap();
    assert_eq!((view.revision, view.next_due_at), (2, Some(at("2026-01-01T01:00:00Z"))));
    assert_eq!(world.at("2026-01-01T00:59:00Z").await, 0);
    assert_eq!(world.at("2026-01-01T01:00:00Z").await, 1);
}

#[tokio::test]
async fn what_was_due_when_the_rules_changed_is_not_lost() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    world.clock.set(at("2026-01-01T00:01:02Z"));
    let update = rules(id, json!({"kind": "interval", "every": "1h"}));
    world.scheduler.update(update).await.unwrap();
    assert_eq!(world.fire().await, 1);
    assert_eq!(world.told(id).await, ["00:01:00 succeeded"]);
}

#[tokio::test]
async fn a_change_that_was_rolled_back_leaves_nothing_to_the_one_that_comes_after_it() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1h"})).await;
    let mut client = world.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let often = rules(id, json!({"kind": "interval", "every": "1m"}));
    world.scheduler.update_in(&tx, often).await.unwrap();
    tx.rollback().await.unwrap();
    let seldom = rules(id, json!({"kind": "interval", "every": "2h"}));
    let view = world.scheduler.update(seldom).await.unwrap();
    assert_eq!((view.revision, view.next_due_at), (2, Some(at("2026-01-01T02:00:00Z"))));
    assert_eq!(world.at("2026-01-01T02:00:00Z").await, 1);
    assert_eq!(world.view(id).await.next_due_at, Some(at("2026-01-01T04:00:00Z")));
}

#[tokio::test]
async fn rules_that_are_changed_there_and_back_fire_nothing_twice() {
    let world = World::new().await;
    let minutes = json!({"kind": "interval", "every": "1m"});
    let id = world.schedule(minutes.clone()).await;
    world.at("2026-01-01T00:01:00Z").await;
    world
        .scheduler
        .update(rules(id, json!({"kind": "interval", "every": "30s"})))
        .await
        .unwrap();
    world.scheduler.update(rules(id, minutes)).await.unwrap();
    assert_eq!(world.fire().await, 0);
    world.at("2026-01-01T00:02:00Z").await;
    assert_eq!(
        world.done(id).await,
        [at("2026-01-01T00:01:00Z"), at("2026-01-01T00:02:00Z")]
    );
}

#[tokio::test]
async fn a_change_of_something_that_was_changed_meanwhile_is_refused() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    let named = |name: &str| UpdateSchedule {
        name: Some(name.to_owned()),
        rules: None,
        expected_revision: Some(1),
        ..rules(id, json!({}))
    };
    world.scheduler.update(named("first")).await.unwrap();
    let refused = world.scheduler.update(named("second")).await;
    assert!(
        matches!(
            refused,
            Err(Error::RevisionConflict {
                expected: 1,
                current: 2,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(world.view(id).await.name, "first");
}

#[tokio::test]
async fn a_deleted_schedule_fires_no_more_and_keeps_its_firings() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    world.at("2026-01-01T00:01:00Z").await;
    assert!(world.scheduler.delete(id, None).await.unwrap());
    assert!(!world.scheduler.delete(id, None).await.unwrap());
    assert_eq!(world.at("2026-01-01T00:02:00Z").await, 0);
    assert!(world.scheduler.schedule(id).await.unwrap().is_none());
    assert_eq!(world.told(id).await, ["00:01:00 succeeded"]);
}

#[tokio::test]
async fn a_deletion_of_something_that_was_changed_meanwhile_is_refused() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    let minutes = json!({"kind": "interval", "every": "2m"});
    world.scheduler.update(rules(id, minutes)).await.unwrap();
    let refused = world.scheduler.delete(id, Some(1)).await;
    assert!(
        matches!(
            refused,
            Err(Error::RevisionConflict {
                expected: 1,
                current: 2,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(world.scheduler.delete(id, Some(2)).await.unwrap());
    assert!(!world.scheduler.delete(id, Some(2)).await.unwrap());
}

#[tokio::test]
async fn what_waits_when_its_schedule_is_deleted_is_skipped_and_says_so() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1m", "overlap": "buffer_all", "do": "stay"});
    let id = world.schedule(rules).await;
    for minute in 1..=3 {
        world.at(&format!("2026-01-01T00:0{minute}:00Z")).await;
    }
    world.scheduler.delete(id, None).await.unwrap();
    assert_eq!(
        world.told(id).await,
        ["00:01:00 started", "00:02:00 skipped", "00:03:00 skipped"]
    );
    assert_eq!(world.firings(id).await[1].reason.as_deref(), Some("schedule_deleted"));
    world.end(id, gathering_scheduler::Outcome::Succeeded).await;
    assert_eq!(world.told(id).await[0], "00:01:00 succeeded");
}

#[tokio::test]
async fn a_schedule_of_a_transaction_that_is_rolled_back_never_was() {
    let world = World::new().await;
    let mut client = world.pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let new = NewSchedule::new("gone", json!({"kind": "interval", "every": "1m"}));
    let id = world.scheduler.create_in(&tx, new).await.unwrap().id;
    tx.rollback().await.unwrap();
    assert!(world.scheduler.schedule(id).await.unwrap().is_none());
    assert_eq!(world.at("2026-01-01T00:05:00Z").await, 0);
}

#[tokio::test]
async fn everything_wrong_with_a_schedule_is_told_at_once_with_its_place() {
    let world = World::new().await;
    let rules = json!({"kind": "cron", "cron": "61 * * * *", "timezone": "Europe/Berlinn", "overlap": "skipp", "misfire": {"window": "0s", "maxx": 3},
        "every": "1m", "end_at": "tomorrow", "exclude": ["2026-02-30"], "jitter": 5});
    let Err(Error::Invalid { problems }) = world.scheduler.create(NewSchedule::new("wrong", rules)).await else {
        panic!("it was taken");
    };
    let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    let Err(Error::Invalid { problems: others }) = world
        .scheduler
        .create(NewSchedule::new(
            "wrong",
            json!({"kind": "lunar", "timezone": "Nope", "exclude": ["foo"], "start_at": "-000100-01-01T00:00:00Z"}),
        ))
        .await
    else {
        panic!("it was taken");
    };
    let others: Vec<_> = others.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(others, ["start_at", "kind", "timezone", "exclude[0]"]);
    for field in [
        "overlap",
        "misfire.window",
        "misfire.maxx",
        "every",
        "end_at",
        "jitter",
        "timezone",
        "cron",
    ] {
        assert!(fields.contains(&field), "{field} is not in {fields:?}");
    }
}

#[tokio::test]
async fn a_reason_is_text_that_steers_no_terminal() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    for reason in ["", "  ", "\u{1b}[2Jwiped", "a\r\nb", "a\0b", &"x".repeat(1_001)] {
        let refused = world.scheduler.pause(id, reason, None).await.unwrap_err();
        assert!(
            matches!(&refused, Error::Invalid { problems } if problems[0].field == "reason"),
            "{reason:?}: {refused:?}"
        );
    }
    let two_lines = "the bank is closed\n\tuntil Monday";
    let paused = world.scheduler.pause(id, two_lines, None).await.unwrap();
    assert_eq!(paused.phase.as_str(), "paused");
}
