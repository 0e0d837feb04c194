//! A project whose schedules are more than can be fired does not make those of others late.

use gathering_scheduler::{Limits, NewSchedule, Outcome, ProjectId, ScheduleId, Scheduler};
use serde_json::json;
use uuid::Uuid;

use crate::support::{World, at};

/// When everything is due by.
const NOW: &str = "2026-01-01T00:02:00Z";

fn project(number: u128) -> ProjectId {
    Uuid::from_u128(number).into()
}

/// A world in which a step looks at so many schedules.
async fn world(batch: u32) -> World {
    let limits = Limits {
        batch,
        ..Limits::default()
    };
    World::with(|builder| builder.limits(limits)).await
}

async fn once(world: &World, (of, due): (u128, &str), what: &str) -> ScheduleId {
    let rules = json!({"kind": "once", "at": due, "misfire": {"grace": "1h"}});
    let mut new = NewSchedule::new("once", rules).payload(json!({"do": what}));
    new.project_id = project(of);
    world.scheduler.create(new).await.unwrap().id
}

/// So many schedules of a project that are due at the same time.
async fn backlog(world: &World, (of, due): (u128, &str), what: &str, count: i32) {
    let first = once(world, (of, due), what).await;
    let copies = "INSERT INTO schedules (id, project_id, name, revision, rules, payload, created_at, updated_at, due_at, wake_at)
                  SELECT gen_random_uuid(), project_id, name, revision, rules, payload, created_at, updated_at, due_at, wake_at
                  FROM schedules, generate_series(2, $2) WHERE id = $1";
    let client = world.pool.get().await.unwrap();
    client.execute(copies, &[&first.as_uuid(), &count]).await.unwrap();
}

/// How many schedules of a project have fired.
async fn fired(world: &World, of: u128) -> i64 {
    let sql = "SELECT count(*) FROM effects JOIN schedules ON schedules.id = schedule WHERE project_id = $1";
    let client = world.pool.get().await.unwrap();
    client.query_one(sql, &[&project(of).as_uuid()]).await.unwrap().get(0)
}

async fn look(scheduler: &Scheduler) -> usize {
    scheduler.fire_due().await.unwrap().schedules
}

#[tokio::test]
async fn another_projects_schedule_fires_within_two_looks_of_a_huge_backlog() {
    let world = world(Limits::default().batch).await;
    backlog(&world, (1, "2026-01-01T00:01:00Z"), "done", 10_000).await;
    let later = once(&world, (2, "2026-01-01T00:01:30Z"), "done").await;
    world.clock.set(at(NOW));
    assert_eq!(look(&world.scheduler).await, 500);
    assert_eq!(world.done(later).await, [], "who waits longest comes first");
    assert_eq!(
        look(&world.scheduler).await,
        500,
        "what room there is serves the backlog"
    );
    assert_eq!(world.done(later).await.len(), 1);
    assert_eq!(fired(&world, 1).await, 999);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schedulers_fire_it_within_two_looks_of_each_and_once() {
    let world = world(Limits::default().batch).await;
    let other = world.another().await;
    backlog(&world, (1, "2026-01-01T00:01:00Z"), "done", 10_000).await;
    let later = once(&world, (2, "2026-01-01T00:01:30Z"), "done").await;
    world.clock.set(at(NOW));
    for _ in 0..2 {
        assert_eq!(tokio::join!(look(&world.scheduler), look(&other)), (500, 500));
    }
    assert_eq!(world.done(later).await.len(), 1);
    assert_eq!(fired(&world, 1).await, 1_999);
}

#[tokio::test]
async fn every_look_of_a_lone_projects_backlog_is_full() {
    let world = world(20).await;
    backlog(&world, (1, "2026-01-01T00:01:00Z"), "done", 205).await;
    world.clock.set(at(NOW));
    for _ in 0..10 {
        assert_eq!(look(&world.scheduler).await, 20);
    }
    assert_eq!((look(&world.scheduler).await, look(&world.scheduler).await), (5, 0));
    assert_eq!(fired(&world, 1).await, 205);
}

#[tokio::test]
async fn of_many_projects_with_backlogs_none_waits_until_another_has_nothing_left() {
    let world = world(50).await;
    for number in 1..=10 {
        let due = format!("2026-01-01T00:01:{number:02}Z");
        backlog(&world, (number, &due), "done", 500).await;
    }
    let last = once(&world, (11, "2026-01-01T00:01:59Z"), "done").await;
    world.clock.set(at(NOW));
    let mut looks = 0;
    while world.done(last).await.is_empty() {
        assert_eq!(look(&world.scheduler).await, 50);
        looks += 1;
    }
    // Eleven, unless this machine is so slow that looking past a backlog has to rest.
    assert!((2..=50).contains(&looks), "the last of 101 looks is the {looks}th");
    let mut shares = Vec::new();
    for number in 1..=10 {
        shares.push(fired(&world, number).await);
    }
    assert!(
        shares.iter().all(|fired| *fired >= 50),
        "one of them had no turn: {shares:?}"
    );
    world.fire().await;
    for number in 1..=10 {
        assert_eq!(fired(&world, number).await, 500);
    }
}

#[tokio::test]
async fn a_backlog_of_which_every_transaction_fails_makes_nobody_late_either() {
    let world = world(10).await;
    backlog(&world, (1, "2026-01-01T00:01:00Z"), "error", 100).await;
    let later = once(&world, (2, "2026-01-01T00:01:30Z"), "done").await;
    world.clock.set(at(NOW));
    for _ in 0..2 {
        world.scheduler.fire_due().await.unwrap();
    }
    assert_eq!(world.done(later).await.len(), 1);
}

#[tokio::test]
async fn what_waited_for_another_firing_starts_within_two_looks_of_a_backlog() {
    let world = world(10).await;
    let rules = json!({"kind": "interval", "every": "30s", "overlap": "buffer_all", "misfire": {"grace": "1h"}});
    let mut new = NewSchedule::new("slow", rules).payload(json!({"do": "stay"}));
    new.project_id = project(2);
    let slow = world.scheduler.create(new).await.unwrap().id;
    world.at("2026-01-01T00:01:00Z").await;
    assert_eq!(world.told(slow).await, ["00:00:30 started", "00:01:00 buffered"]);
    backlog(&world, (1, "2026-01-01T00:01:10Z"), "done", 100).await;
    world.clock.set(at("2026-01-01T00:01:20Z"));
    world.end(slow, Outcome::Succeeded).await;
    assert_eq!((look(&world.scheduler).await, look(&world.scheduler).await), (10, 10));
    assert_eq!(world.told(slow).await, ["00:00:30 succeeded", "00:01:00 started"]);
}
