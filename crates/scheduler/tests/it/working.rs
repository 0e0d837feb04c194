//! A scheduler that works by itself, by the database's clock.

use std::time::Duration;

use gathering_scheduler::{ConnectOptions, Error, Limits, NewSchedule, Scheduler};
use gathering_testkit::eventually;
use serde_json::json;

use crate::support::{Effects, LIMIT, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_working_scheduler_fires_by_itself_and_is_woken_by_what_others_change() {
    let world = World::new().await;
    let options = ConnectOptions::new(world.database.url());
    // So long that nothing of this test would come by looking around.
    let limits = Limits {
        poll_interval: Duration::from_hours(1),
        ..Limits::default()
    };
    let works = Scheduler::builder(world.database.pool().await).on_fire(world.effects.clone());
    let works = works.listen(options).limits(limits).build();
    let handle = works.start().unwrap();
    assert!(matches!(works.start(), Err(Error::AlreadyStarted)));
    let elsewhere = Scheduler::builder(world.pool.clone()).build();
    let new =
        NewSchedule::new("each second", json!({"kind": "interval", "every": "1s"})).payload(json!({"do": "done"}));
    let id = elsewhere.create(new).await.unwrap().id;
    eventually("it fires", LIMIT, async || world.done(id).await.len() >= 2).await;
    let asked = NewSchedule::new("never by itself", json!({"kind": "once", "at": "2999-01-01T00:00:00Z"}));
    let asked = elsewhere.create(asked.payload(json!({"do": "done"}))).await.unwrap().id;
    elsewhere.trigger(asked).await.unwrap();
    eventually("what was asked for fires", LIMIT, async || {
        world.done(asked).await.len() == 1
    })
    .await;
    handle.shutdown(LIMIT).await;
    let stopped = world.done(id).await.len();
    assert_eq!(world.done(id).await.len(), stopped);
    let again = works.start().unwrap();
    eventually("it works again", LIMIT, async || world.done(id).await.len() > stopped).await;
    again.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_goes_on_by_itself_when_the_one_before_ends() {
    let world = World::new().await;
    let works = Scheduler::builder(world.database.pool().await)
        .on_fire(world.effects.clone())
        .build();
    let handle = works.start().unwrap();
    let rules = json!({"kind": "interval", "every": "1s", "overlap": "buffer_all"});
    let new = NewSchedule::new("slow", rules).payload(json!({"do": "stay"}));
    let id = works.create(new).await.unwrap().id;
    let ends = ending(&world.effects, &world, id);
    tokio::time::timeout(LIMIT, ends).await.unwrap();
    handle.shutdown(LIMIT).await;
}

/// Ends three firings, each once it is there.
async fn ending(effects: &Effects, world: &World, id: gathering_scheduler::ScheduleId) {
    for count in 1..=3 {
        eventually("it fires", LIMIT, async || world.done(id).await.len() >= count).await;
        let firings = world.firings(id).await;
        let open = firings
            .iter()
            .find(|firing| firing.status == gathering_scheduler::FiringStatus::Started);
        let open = open.unwrap();
        effects.end(
            open.id,
            gathering_scheduler::Outcome::Succeeded,
            open.started_at.unwrap(),
        );
    }
}

#[tokio::test]
async fn limits_that_make_no_sense_are_refused_all_at_once() {
    let world = World::new().await;
    let limits = Limits {
        batch: 0,
        retention: Some(Duration::from_mins(1)),
        ..Limits::default()
    };
    let scheduler = Scheduler::builder(world.pool.clone()).limits(limits).build();
    let Err(Error::InvalidLimits { problems }) = scheduler.start() else {
        panic!("it works");
    };
    assert_eq!(problems.len(), 2);
}
