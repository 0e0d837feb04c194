//! Why a schedule does not fire, or not now.

use gathering_scheduler::{Blocker, Overlap, ScheduleId};
use serde_json::json;

use crate::support::{World, at};

async fn why(world: &World, id: ScheduleId) -> Vec<Blocker> {
    world.scheduler.why(id).await.unwrap().blockers
}

#[tokio::test]
async fn a_healthy_schedule_waits_for_its_time() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "cron", "cron": "0 3 * * *"})).await;
    let due_at = at("2026-01-01T03:00:00Z");
    assert_eq!(
        why(&world, id).await,
        [Blocker::NotDue {
            due_at,
            fires_at: due_at,
            excluded: None,
        }]
    );
}

#[tokio::test]
async fn a_time_that_an_excluded_day_leaves_out_is_named() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"kind": "cron", "cron": "0 3,4 * * *", "exclude": ["2026-01-01/2026-01-02"]}))
        .await;
    let due_at = at("2026-01-03T03:00:00Z");
    let not_due = |excluded| Blocker::NotDue {
        due_at,
        fires_at: due_at,
        excluded,
    };
    assert_eq!(why(&world, id).await, [not_due(Some(at("2026-01-01T03:00:00Z")))]);
    world.clock.set(at("2026-01-03T00:00:00Z"));
    assert_eq!(why(&world, id).await, [not_due(None)]);
}

#[tokio::test]
async fn a_pause_an_end_and_a_missed_time_are_named() {
    let world = World::new().await;
    let paused = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    world.scheduler.pause(paused, "the bank is closed", None).await.unwrap();
    let blockers = why(&world, paused).await;
    assert!(matches!(&blockers[0], Blocker::Paused(pause) if pause.reason == "the bank is closed"));
    let once = json!({"kind": "once", "at": "2026-01-01T00:01:00Z", "misfire": {"policy": "skip"}});
    let once = world.schedule(once).await;
    world.at("2026-01-01T02:00:00Z").await;
    let blockers = why(&world, once).await;
    assert!(
        matches!(
            blockers[0],
            Blocker::Ended {
                ended_at: None,
                spent: false
            }
        ),
        "{blockers:?}"
    );
    assert!(
        matches!(blockers[1], Blocker::Missed { count: Some(1), .. }),
        "{blockers:?}"
    );
}

#[tokio::test]
async fn what_it_waits_for_is_named() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1m", "overlap": "buffer_one", "do": "stay"});
    let id = world.schedule(rules).await;
    world.at("2026-01-01T00:01:00Z").await;
    world.at("2026-01-01T00:02:00Z").await;
    let open = world.firings(id).await.remove(0);
    let expected = Blocker::Overlap {
        policy: Overlap::BufferOne,
        firing_id: open.id,
        due_at: open.due_at,
        buffered: 1,
    };
    assert_eq!(why(&world, id).await[0], expected);
}

#[tokio::test]
async fn a_due_time_that_nobody_looks_at_and_a_clock_that_was_set_back_are_named() {
    let world = World::new().await;
    let id = world.schedule(json!({"kind": "interval", "every": "1m"})).await;
    world.clock.set(at("2026-01-01T00:02:00Z"));
    assert_eq!(
        why(&world, id).await,
        [Blocker::NotLookedAt {
            since: at("2026-01-01T00:01:00Z")
        }]
    );
    world.fire().await;
    world.clock.set(at("2026-01-01T00:00:00Z"));
    let decided = at("2026-01-01T00:02:00Z");
    assert!(why(&world, id).await.contains(&Blocker::ClockSetBack { decided }));
}

#[tokio::test]
async fn a_schedule_that_paused_itself_says_which_firing_failed_and_why() {
    let world = World::new().await;
    let rules = json!({"kind": "interval", "every": "1m", "do": "fail", "pause_after_failures": 1});
    let id = world.schedule(rules).await;
    world.at("2026-01-01T00:01:00Z").await;
    let blockers = why(&world, id).await;
    assert!(matches!(blockers[0], Blocker::Paused(_)), "{blockers:?}");
    let Blocker::Failing {
        times: 1,
        due_at,
        error: Some(error),
        ..
    } = &blockers[1]
    else {
        panic!("{blockers:?}");
    };
    assert_eq!(*due_at, at("2026-01-01T00:01:00Z"));
    assert!(error.text().contains("told to fail"));
}
