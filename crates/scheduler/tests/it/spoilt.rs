//! A firing whose transaction cannot go on holds up no other one, and is not lost.

use gathering_scheduler::FiringStatus;
use serde_json::json;

use crate::support::{World, at};

#[tokio::test]
async fn one_firing_that_cannot_be_spoils_no_other_and_has_failed() {
    let world = World::new().await;
    let minutely = |what: &str| json!({"kind": "interval", "every": "1m", "do": what});
    let (good, bad, other) = (
        world.schedule(minutely("done")).await,
        world.schedule(minutely("error")).await,
        world.schedule(minutely("done")).await,
    );
    assert_eq!(world.at("2026-01-01T00:01:00Z").await, 3);
    assert_eq!(world.told(good).await, ["00:01:00 succeeded"]);
    assert_eq!(world.told(other).await, ["00:01:00 succeeded"]);
    let failed = world.firings(bad).await.remove(0);
    assert_eq!(failed.status, FiringStatus::Failed);
    assert!(failed.error.unwrap().text().contains("division by zero"));
    assert_eq!(world.done(bad).await, [], "what it did was rolled back");
    assert_eq!(world.view(bad).await.next_due_at, Some(at("2026-01-01T00:02:00Z")));
}

#[tokio::test]
async fn one_firing_that_waits_for_a_lock_in_vain_rests_and_comes_again() {
    let world = World::new().await;
    let minutely = |what: &str| json!({"kind": "interval", "every": "1m", "do": what});
    let (good, stuck) = (
        world.schedule(minutely("done")).await,
        world.schedule(minutely("stuck")).await,
    );
    assert_eq!(world.at("2026-01-01T00:01:00Z").await, 1);
    assert_eq!(world.told(good).await, ["00:01:00 succeeded"]);
    assert_eq!(
        world.told(stuck).await,
        Vec::<String>::new(),
        "it has neither fired nor failed"
    );
    let change = gathering_scheduler::UpdateSchedule {
        id: stuck,
        name: None,
        rules: None,
        payload: Some(json!({"do": "done"}).into()),
        expected_revision: None,
    };
    world.scheduler.update(change).await.unwrap();
    assert_eq!(world.at("2026-01-01T00:01:05Z").await, 1);
    assert_eq!(world.told(stuck).await, ["00:01:00 succeeded"]);
}

#[tokio::test]
async fn a_due_time_that_has_a_firing_already_does_not_fire_again() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    world.clock.set(at("2026-01-01T00:01:00Z"));
    let client = world.pool.get().await.unwrap();
    let insert = "INSERT INTO firings (schedule_id, due_at, id, origin, status, revision, created_at, reason)
                  VALUES ($1, '2026-01-01T00:01:00Z', gen_random_uuid(), 'schedule', 'skipped', 1, now(), 'overlap')";
    client.execute(insert, &[&id.as_uuid()]).await.unwrap();
    assert_eq!(world.fire().await, 0);
    assert_eq!(world.at("2026-01-01T00:02:00Z").await, 1);
    assert_eq!(world.done(id).await, [at("2026-01-01T00:02:00Z")]);
    assert_eq!(world.view(id).await.fired, 1);
}

#[tokio::test]
async fn rules_that_cannot_be_read_any_more_pause_their_schedule_alone() {
    let world = World::new().await;
    let minutely = json!({"kind": "interval", "every": "1m"});
    let (good, foreign) = (world.schedule(minutely.clone()).await, world.schedule(minutely).await);
    let client = world.pool.get().await.unwrap();
    let change = "UPDATE schedules SET rules = '{\"kind\": \"lunar\"}', revision = 2 WHERE id = $1";
    client.execute(change, &[&foreign.as_uuid()]).await.unwrap();
    assert_eq!(world.at("2026-01-01T00:01:00Z").await, 1);
    assert_eq!(world.told(good).await, ["00:01:00 succeeded"]);
    let gathering_scheduler::Phase::Paused(pause) = world.view(foreign).await.phase else {
        panic!("it goes on");
    };
    assert!(pause.reason.contains("lunar"), "{}", pause.reason);
}

#[tokio::test]
async fn one_firing_that_loses_its_connection_each_time_rests_and_the_others_fire() {
    let world = World::new().await;
    let minutely = |what: &str| json!({"kind": "interval", "every": "1m", "do": what});
    let (good, lost, other) = (
        world.schedule(minutely("done")).await,
        world.schedule(minutely("lost")).await,
        world.schedule(minutely("done")).await,
    );
    world.clock.set(at("2026-01-01T00:01:00Z"));
    assert!(
        world.scheduler.fire_due().await.is_err(),
        "the database may have been away"
    );
    // The pool may hand out what was lost once more.
    gathering_testkit::eventually("the others fire", crate::support::LIMIT, async || {
        let _ = world.scheduler.fire_due().await;
        world.done(good).await.len() + world.done(other).await.len() == 2
    })
    .await;
    assert_eq!(world.told(good).await, ["00:01:00 succeeded"]);
    assert_eq!(world.told(other).await, ["00:01:00 succeeded"]);
    assert_eq!(
        world.told(lost).await,
        Vec::<String>::new(),
        "nothing says that it failed"
    );
}
