//! What a due time does while the run of an earlier firing has not ended.

use gathering::RunId;

use super::*;

async fn each_second(world: &World, overlap: &str) -> ScheduleId {
    let pipeline = world.holding().await;
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline});
    world
        .schedule(json!({"name": "slow", "kind": "interval", "every": "1s", "overlap": overlap, "action": action}))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_while_a_run_goes_on_is_skipped_and_why_names_that_run() {
    let world = World::new().await;
    let id = each_second(&world, "skip").await;
    let firings = world
        .when(id, "two are skipped", |firings| count(firings, "skipped") >= 2)
        .await;
    assert_eq!(statuses(&firings)[..3], ["started", "skipped", "skipped"]);
    assert!(firings[1].reason.is_some() && firings[1].run_id.is_none());
    let why = world.gathering.why_schedule(&world.ada, id).await.unwrap();
    let overlap = &why.blockers[0];
    let run = firings[0].run_id.unwrap();
    assert_eq!((overlap.code, overlap.facts.run_id), ("overlap", Some(run)));
    assert!(
        why.summary.contains(&format!("/api/v1/runs/{run} shows")),
        "{}",
        why.summary
    );
    world.ends.add_permits(1);
    let firings = world
        .when(id, "the next one starts", |firings| {
            count(firings, "started") == 1 && count(firings, "succeeded") == 1
        })
        .await;
    assert_eq!(firings[0].status.as_str(), "succeeded");
    world.ends.close();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_waits_until_the_run_has_ended() {
    let world = World::new().await;
    let id = each_second(&world, "buffer_one").await;
    let firings = world
        .when(id, "one is skipped", |firings| count(firings, "skipped") >= 1)
        .await;
    assert_eq!(statuses(&firings)[..3], ["started", "buffered", "skipped"]);
    assert_eq!(world.read(id).await.buffered_firings, 1);
    world.ends.add_permits(1);
    let firings = world
        .when(id, "the one that waited starts", |firings| {
            firings[1].status.as_str() == "started"
        })
        .await;
    assert_eq!(firings[0].status.as_str(), "succeeded");
    assert_eq!(firings[1].run_id.map(RunId::as_uuid), Some(firings[1].id.as_uuid()));
    world.ends.close();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_before_is_cancelled() {
    let world = World::new().await;
    let id = each_second(&world, "cancel_previous").await;
    let firings = world
        .when(id, "two are cancelled", |firings| count(firings, "cancelled") >= 2)
        .await;
    assert!(count(&firings, "started") <= 1, "{:?}", statuses(&firings));
    let run = world
        .gathering
        .run(&world.ada, firings[0].run_id.unwrap())
        .await
        .unwrap();
    assert_eq!(run.head.summary.status, "cancelled");
    world.gathering.pause_schedule(&world.ada, id, "enough").await.unwrap();
    world.ends.close();
    world.end().await;
}
