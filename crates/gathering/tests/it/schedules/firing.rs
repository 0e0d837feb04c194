//! What a firing does, and what becomes of it.

use gathering_testkit::Answer;

use super::*;

fn error(firing: &Firing) -> Value {
    firing.error.as_ref().map(Json::to_value).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_fires_once_with_a_key_that_is_its_own() {
    let world = World::new().await;
    let at = soon();
    let id = world
        .schedule(json!({"name": "once", "kind": "once", "at": at, "action": world.post("/once")}))
        .await;
    let firings = world
        .when(id, "it has fired", |firings| statuses(firings) == ["succeeded"])
        .await;
    let requests = world.receiver.requests_to("/once");
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0]
            .idempotency_key()
            .is_some_and(|key| key.contains(&firings[0].id.to_string()))
    );
    assert_eq!(requests[0].json(), json!({"due": firings[0].due_at}));
    let run = firings[0].run_id.unwrap();
    assert_eq!(run.as_uuid(), firings[0].id.as_uuid());
    let run = world.gathering.run(&world.ada, run).await.unwrap();
    assert_eq!(run.head.summary.labels.to_value(), json!({"schedule_id": id}));
    let schedule = world.read(id).await;
    assert_eq!((schedule.status.as_str(), schedule.fired), ("ended", 1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_of_a_second_fires_each_second() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"name": "tick", "kind": "interval", "every": "1s", "action": world.post("/tick")}))
        .await;
    let firings = world
        .when(id, "three have succeeded", |firings| count(firings, "succeeded") >= 3)
        .await;
    for pair in firings.windows(2) {
        let apart = pair[1].due_at.duration_since(pair[0].due_at);
        assert_eq!(apart, jiff::SignedDuration::from_secs(1));
    }
    let paused = world.gathering.pause_schedule(&world.ada, id, "enough").await.unwrap();
    assert_eq!(paused.paused.unwrap().by, Some(world.ada.user_id));
    let came = world.receiver.requests_to("/tick");
    let mut keys: Vec<_> = came.iter().filter_map(|request| request.idempotency_key()).collect();
    keys.dedup();
    assert_eq!(keys.len(), came.len());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_gets_what_its_template_makes_of_the_firing() {
    let world = World::new().await;
    let shape = json!([{"id": "shape", "type": "transform", "config": {"output": "{{ input }}"}}]);
    let pipeline = world.pipeline(shape).await;
    let input = json!({"day": "{{ firing.due_at[:10] }}", "of": "{{ firing.schedule }} by {{ firing.origin }}", "all": "{{ firing }}"});
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline, "input": input, "labels": {"team": "a"}, "priority": 3});
    let id = world
        .schedule(json!({"name": "nightly", "kind": "cron", "cron": "0 3 * * *", "action": action}))
        .await;
    let asked = world.gathering.trigger_schedule(&world.ada, id).await.unwrap();
    let firings = world
        .when(id, "it has fired", |firings| statuses(firings) == ["succeeded"])
        .await;
    let firing = &firings[0];
    assert_eq!((firing.id, firing.origin.as_str()), (asked.id, "trigger"));
    let run = world.gathering.run(&world.ada, firing.run_id.unwrap()).await.unwrap();
    let due = firing.due_at.to_string();
    let facts = json!({"id": firing.id, "schedule_id": id, "schedule": "nightly", "due_at": due, "origin": "trigger"});
    let expected = json!({"day": &due[..10], "of": "nightly by trigger", "all": facts});
    assert_eq!(run.head.input.to_value(), expected);
    assert_eq!(run.head.summary.priority, 3);
    assert_eq!(
        run.head.summary.labels.to_value(),
        json!({"team": "a", "schedule_id": id})
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_fails_is_a_failed_firing_and_a_schedule_that_fails_too_often_pauses_itself() {
    let world = World::new().await;
    world.receiver.answer("/down", Answer::status(500));
    let mut action = world.post("/down");
    action["retry"] = json!({"max_attempts": 2, "initial": "1ms"});
    let id = world
        .schedule(
            json!({"name": "down", "kind": "interval", "every": "1s", "action": action, "pause_after_failures": 2}),
        )
        .await;
    until("it pauses itself", LIMIT, async || {
        (world.read(id).await.status.as_str() == "paused").then_some(())
    })
    .await;
    let firings = world.firings(id).await;
    assert_eq!(statuses(&firings)[..2], ["failed", "failed"]);
    let run = world
        .gathering
        .run(&world.ada, firings[0].run_id.unwrap())
        .await
        .unwrap();
    let of_run = run.head.summary.error.unwrap().to_value();
    assert_eq!(error(&firings[0])["code"], of_run["code"]);
    assert_eq!(run.nodes[0].attempts, 2);
    let pause = world.read(id).await.paused.unwrap();
    assert!(pause.by.is_none() && pause.reason.contains('2'), "{pause:?}");
    let resumed = world.gathering.resume_schedule(&world.ada, id).await.unwrap();
    assert_eq!((resumed.status.as_str(), resumed.failures_in_a_row), ("active", 0));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_whose_pipeline_was_deleted_fails_and_spoils_no_other() {
    let world = World::new().await;
    let pipeline = world.holding().await;
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline});
    let at = soon();
    let lost = world
        .schedule(json!({"name": "lost", "kind": "once", "at": at, "action": action}))
        .await;
    let other = world
        .schedule(json!({"name": "other", "kind": "once", "at": at, "action": world.post("/other")}))
        .await;
    world
        .gathering
        .delete_pipeline(&world.ada, pipeline, None)
        .await
        .unwrap();
    let why = world.gathering.why_schedule(&world.ada, lost).await.unwrap();
    assert_eq!(
        (why.blockers[0].code, why.blockers[0].facts.pipeline_id),
        ("pipeline_not_found", Some(pipeline))
    );
    let firings = world
        .when(lost, "it has failed", |firings| statuses(firings) == ["failed"])
        .await;
    assert_eq!(error(&firings[0])["code"], "pipeline_not_found");
    assert_eq!(firings[0].run_id, None);
    world
        .when(other, "the other has succeeded", |firings| {
            statuses(firings) == ["succeeded"]
        })
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_cannot_be_rendered_fails_its_firing() {
    let world = World::new().await;
    let pipeline = world.holding().await;
    let input = json!({"n": "{{ firing.due_at / 2 }}"});
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline, "input": input});
    let id = world
        .schedule(json!({"name": "odd", "kind": "once", "at": soon(), "action": action}))
        .await;
    let firings = world
        .when(id, "it has failed", |firings| statuses(firings) == ["failed"])
        .await;
    assert_eq!(error(&firings[0])["code"], "template_failed");
    assert_eq!(firings[0].run_id, None);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_forgotten_before_anybody_saw_its_end_ends_its_firing() {
    let world = World::new().await;
    let pipeline = world.holding().await;
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline});
    let id = world
        .schedule(json!({"name": "old", "kind": "once", "at": soon(), "action": action}))
        .await;
    let firings = world
        .when(id, "it has started", |firings| statuses(firings) == ["started"])
        .await;
    let run = firings[0].run_id.unwrap();
    let World {
        database,
        gathering,
        work,
        ada,
        ..
    } = world;
    work.shutdown(Duration::from_millis(100)).await;
    gathering.cancel_run(&ada, run, None).await.unwrap();
    let client = database.pool().await.get().await.unwrap();
    let forget = "DELETE FROM runs WHERE id = $1";
    assert_eq!(client.execute(forget, &[&run.as_uuid()]).await.unwrap(), 1);
    let another = Gathering::builder(database.pool().await).build().await.unwrap();
    let work = another.start().await.unwrap();
    let query = FiringQuery {
        limit: 1,
        ..FiringQuery::default()
    };
    let firing = until("it has failed", LIMIT, async || {
        let mut page = another.firings(&ada, id, query).await.unwrap();
        page.items.pop().filter(|firing| firing.status.as_str() == "failed")
    })
    .await;
    assert_eq!(error(&firing)["code"], "run_is_gone");
    assert_eq!(firing.run_id, Some(run));
    work.shutdown(LIMIT).await;
}
