//! What a change of a schedule changes.

use gathering::{Code, Page, PageRequest, ScheduleQuery, ScheduleStatus};

use super::*;

async fn own_pipeline(world: &World, id: ScheduleId) -> Vec<(String, i32, bool)> {
    let client = world.database.pool().await.get().await.unwrap();
    let rows = client
        .query(
            "SELECT name, version, deleted_at IS NOT NULL FROM pipelines WHERE schedule_id = $1 ORDER BY id",
            &[&id.as_uuid()],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_action_is_the_next_version_of_its_pipeline_and_fires_from_then_on() {
    let world = World::new().await;
    let definition =
        |path: &str| json!({"name": "call", "kind": "cron", "cron": "0 3 * * *", "action": world.post(path)});
    let id = world.schedule(definition("/old")).await;
    let due = world.read(id).await.next_due_at;
    let fire = async |done: usize| {
        world.gathering.trigger_schedule(&world.ada, id).await.unwrap();
        world
            .when(id, "it has fired", |firings| count(firings, "succeeded") == done)
            .await;
    };
    fire(1).await;
    let updated = world.update(id, definition("/new")).await;
    assert_eq!((updated.revision, updated.next_due_at), (2, due));
    fire(2).await;
    let paths: Vec<_> = world
        .receiver
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths, ["/old", "/new"]);
    assert_eq!(own_pipeline(&world, id).await, [("call".to_owned(), 2, false)]);
    world.update(id, definition("/new")).await;
    assert_eq!(own_pipeline(&world, id).await, [("call".to_owned(), 2, false)]);

    let pipeline = world.holding().await;
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline});
    world
        .update(
            id,
            json!({"name": "call", "kind": "cron", "cron": "0 3 * * *", "action": action}),
        )
        .await;
    assert_eq!(own_pipeline(&world, id).await, [("call".to_owned(), 2, true)]);
    world.update(id, definition("/again")).await;
    fire(3).await;
    assert_eq!(world.receiver.requests_to("/again").len(), 1);
    world.gathering.delete_schedule(&world.ada, id, None).await.unwrap();
    let gone = [("call".to_owned(), 2, true), ("call".to_owned(), 1, true)];
    assert_eq!(own_pipeline(&world, id).await, gone);
    let error = world.gathering.schedule(&world.ada, id).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    world.end().await;
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let world = World::new().await;
    let definition =
        json!({"name": "call", "description": "tells", "kind": "interval", "every": "1h", "action": world.post("/")});
    let saved = world.save(definition.clone()).await.unwrap();
    assert_eq!(saved.description.as_deref(), Some("tells"));
    let update = async |definition: &Value, expected| {
        let definition = Json::from_value(definition);
        world
            .gathering
            .update_schedule(&world.ada, saved.id, definition, expected)
            .await
            .unwrap_err()
    };
    let mut changed = definition.clone();
    changed["action"]["url"] = world.receiver.url("/other").into();
    let stale = update(&changed, Some(7)).await;
    assert_eq!(stale.code(), Code::RevisionConflict);
    assert!(stale.to_string().contains("If-Match: \"1\""), "{stale}");
    changed["paused"] = json!(true);
    assert_eq!(
        places(&problems(update(&changed, None).await)),
        [("/paused", "invalid_value")]
    );
    assert_eq!(own_pipeline(&world, saved.id).await, [("call".to_owned(), 1, false)]);
    let now = world.read(saved.id).await;
    assert_eq!((now.revision, now.action.to_value()), (1, definition["action"].clone()));
    world.end().await;
}

#[tokio::test]
async fn schedules_are_listed_by_their_status() {
    let world = World::new().await;
    let mut definition = json!({"name": "active", "kind": "interval", "every": "1h", "action": world.post("/")});
    let active = world.schedule(definition.clone()).await;
    definition["paused"] = json!("until it is paid");
    let paused = world.schedule(definition).await;
    let once = json!({"name": "over", "kind": "once", "at": soon(), "action": world.post("/")});
    let ended = world.schedule(once).await;
    world
        .when(ended, "it has fired", |firings| statuses(firings) == ["succeeded"])
        .await;
    let listed = async |status, after, limit| {
        let query = ScheduleQuery {
            project_id: None,
            status,
            name: None,
            page: PageRequest { limit, after },
        };
        let Page { items, next } = world.gathering.schedules(&world.ada, query).await.unwrap();
        (items.iter().map(|schedule| schedule.id).collect::<Vec<_>>(), next)
    };
    assert_eq!(
        listed(Some(ScheduleStatus::Active), None, 10).await,
        (vec![active], None)
    );
    assert_eq!(
        listed(Some(ScheduleStatus::Paused), None, 10).await,
        (vec![paused], None)
    );
    assert_eq!(listed(Some(ScheduleStatus::Ended), None, 10).await, (vec![ended], None));
    assert_eq!(
        listed(None, None, 2).await,
        (vec![ended, paused], Some(paused.as_uuid()))
    );
    assert_eq!(listed(None, Some(paused.as_uuid()), 2).await, (vec![active], None));
    let shown = world.read(paused).await;
    assert_eq!(shown.paused.unwrap().reason, "until it is paid");
    let called = async |name: &str, status| {
        let query = ScheduleQuery {
            project_id: None,
            status,
            name: Some(name.parse().unwrap()),
            page: PageRequest { limit: 10, after: None },
        };
        let found = world.gathering.schedules(&world.ada, query).await.unwrap();
        found.items.iter().map(|schedule| schedule.id).collect::<Vec<_>>()
    };
    assert_eq!(called("active", None).await, [paused, active]);
    assert_eq!(called("active", Some(ScheduleStatus::Active)).await, [active]);
    assert_eq!(called("over", Some(ScheduleStatus::Ended)).await, [ended]);
    assert_eq!(called("Active", None).await, []);
    world.end().await;
}

#[tokio::test]
async fn times_that_passed_are_made_up_for_when_somebody_asks() {
    let world = World::new().await;
    let id = world
        .schedule(json!({"name": "daily", "kind": "cron", "cron": "@daily", "action": world.post("/")}))
        .await;
    let (from, until) = (
        "2026-01-01T00:00:00Z".parse().unwrap(),
        "2026-01-04T00:00:00Z".parse().unwrap(),
    );
    let asked = world
        .gathering
        .backfill_schedule(&world.ada, id, from, until)
        .await
        .unwrap();
    assert_eq!((asked.due_times.len(), asked.already_fired), (3, 0));
    let firings = world
        .when(id, "all have fired", |firings| count(firings, "succeeded") == 3)
        .await;
    assert!(firings.iter().all(|firing| firing.origin.as_str() == "backfill"));
    let again = world
        .gathering
        .backfill_schedule(&world.ada, id, from, until)
        .await
        .unwrap();
    assert_eq!((again.due_times.len(), again.already_fired), (0, 3));
    let far = "2000-01-01T00:00:00Z".parse().unwrap();
    let error = world
        .gathering
        .backfill_schedule(&world.ada, id, far, until)
        .await
        .unwrap_err();
    assert_eq!(places(&problems(error)), [("/until", "invalid_value")]);
    world.end().await;
}
