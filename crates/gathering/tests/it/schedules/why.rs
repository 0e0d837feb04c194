//! Why a schedule does not fire, or not now.

use gathering::ScheduleWhy;

use super::*;

async fn why(world: &World, id: ScheduleId) -> ScheduleWhy {
    world.gathering.why_schedule(&world.ada, id).await.unwrap()
}

fn codes(why: &ScheduleWhy) -> Vec<&'static str> {
    why.blockers.iter().map(|blocker| blocker.code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_a_schedule_back_is_told_in_a_sentence_and_as_data() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"name": "nightly", "kind": "cron", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "action": world.post("/")}))
        .await;
    let waits = why(&world, id).await;
    assert_eq!(codes(&waits), ["not_due"]);
    let told = serde_json::to_value(&waits).unwrap();
    assert_eq!(told["blockers"][0]["due_at"], json!(world.read(id).await.next_due_at));
    assert!(
        waits.summary.starts_with("`nightly`: its next due time") && waits.summary.contains("[Europe/Berlin]"),
        "{}",
        waits.summary
    );
    world
        .gathering
        .pause_schedule(&world.ada, id, "the bank is closed")
        .await
        .unwrap();
    let paused = why(&world, id).await;
    assert_eq!(codes(&paused), ["paused"]);
    let facts = &paused.blockers[0].facts;
    assert_eq!(
        (facts.by, facts.reason.as_deref()),
        (Some(world.ada.user_id), Some("the bank is closed"))
    );
    let once = world
        .schedule(json!({"name": "once", "kind": "once", "at": soon(), "action": world.post("/")}))
        .await;
    world
        .when(once, "it has fired", |firings| statuses(firings) == ["succeeded"])
        .await;
    assert_eq!(codes(&why(&world, once).await), ["ended"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_puts_its_next_time_off_is_told_with_it() {
    let world = World::new().await;
    let id = world
        .schedule(
            json!({"name": "later", "kind": "cron", "cron": "0 3 * * *", "start_at": "2198-01-01T00:00:00Z",
                         "exclude": ["01-01"], "action": world.post("/")}),
        )
        .await;
    let later = why(&world, id).await;
    assert_eq!(codes(&later), ["not_due"]);
    let told = "`later`: its next due time, 2198-01-02T03:00:00Z, has not come; nothing is due before its `start_at`, 2198-01-01T00:00:00Z; \
                2198-01-01T03:00:00Z before it is on a day that `exclude` leaves out.";
    assert_eq!(later.summary, told);
    let excluded = later.blockers[0].facts.excluded_at;
    assert_eq!(excluded, Some("2198-01-01T03:00:00Z".parse().unwrap()));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_works_that_is_said_first() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"name": "tick", "kind": "interval", "every": "1s", "misfire": {"grace": "1s"}, "action": world.post("/")}))
        .await;
    let World {
        gathering, work, ada, ..
    } = world;
    work.shutdown(LIMIT).await;
    let late = until("it is late", LIMIT, async || {
        let why = gathering.why_schedule(&ada, id).await.unwrap();
        codes(&why).contains(&"not_looked_at").then_some(why)
    })
    .await;
    assert_eq!(codes(&late)[0], "no_instance");
    assert!(late.summary.contains("no instance is alive"), "{}", late.summary);
}
