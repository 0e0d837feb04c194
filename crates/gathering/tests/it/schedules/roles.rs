//! Who may do what with schedules.

use gathering::{Code, PageRequest, ProjectRole, ScheduleQuery, WeekQuery};

use super::*;

const PAGE: PageRequest = PageRequest { limit: 10, after: None };

/// Everything that changes something or starts a run.
async fn changes(world: &World, who: &Identity, id: ScheduleId, new: NewSchedule) -> Vec<Result<(), Error>> {
    let gathering = &world.gathering;
    let (from, until) = (
        "2026-01-01T00:00:00Z".parse().unwrap(),
        "2026-01-02T00:00:00Z".parse().unwrap(),
    );
    let definition = new.definition.clone();
    vec![
        gathering.create_schedule(who, new).await.map(drop),
        gathering.update_schedule(who, id, definition, None).await.map(drop),
        gathering.pause_schedule(who, id, "x").await.map(drop),
        gathering.resume_schedule(who, id).await.map(drop),
        gathering.trigger_schedule(who, id).await.map(drop),
        gathering.backfill_schedule(who, id, from, until).await.map(drop),
        gathering.delete_schedule(who, id, None).await,
    ]
}

/// Everything that reads.
async fn reads(world: &World, who: &Identity, id: ScheduleId, new: NewSchedule) -> Vec<Result<(), Error>> {
    let gathering = &world.gathering;
    let query = ScheduleQuery {
        project_id: new.project_id,
        status: None,
        name: None,
        page: PAGE,
    };
    let week = WeekQuery {
        schedule_id: Some(id),
        ..WeekQuery::default()
    };
    vec![
        gathering
            .validate_schedule(who, new.project_id, new.definition)
            .await
            .map(drop),
        gathering.schedule(who, id).await.map(drop),
        gathering.schedules(who, query).await.map(drop),
        gathering.firings(who, id, FiringQuery::default()).await.map(drop),
        gathering.why_schedule(who, id).await.map(drop),
        gathering.schedule_week(who, week).await.map(drop),
    ]
}

fn codes(results: Vec<Result<(), Error>>) -> Vec<Option<Code>> {
    results
        .into_iter()
        .map(|result| result.err().map(|error| error.code()))
        .collect()
}

#[tokio::test]
async fn a_viewer_sees_schedules_an_editor_changes_them_and_for_a_stranger_there_are_none() {
    let world = World::new().await;
    let project = world.gathering.create_project(&world.ada, "shared").await.unwrap().id;
    let definition = json!({"name": "x", "kind": "cron", "cron": "@daily", "action": world.post("/")});
    let new = NewSchedule {
        project_id: Some(project),
        definition: Json::from_value(&definition),
    };
    let saved = world.gathering.create_schedule(&world.ada, new.clone()).await.unwrap();
    let mut people = Vec::new();
    for (address, role) in [
        ("eve@example.org", None),
        ("val@example.org", Some(ProjectRole::Viewer)),
        ("ed@example.org", Some(ProjectRole::Editor)),
    ] {
        let who = super::super::user(&world.gathering, address).await;
        if let Some(role) = role {
            world
                .gathering
                .add_member(&world.ada, project, who.user_id, role)
                .await
                .unwrap();
        }
        people.push(who);
    }
    let (not_found, forbidden) = (Some(Code::NotFound), Some(Code::Forbidden));
    assert_eq!(
        codes(reads(&world, &people[0], saved.id, new.clone()).await),
        [not_found; 6]
    );
    assert_eq!(
        codes(changes(&world, &people[0], saved.id, new.clone()).await),
        [not_found; 7]
    );
    assert_eq!(codes(reads(&world, &people[1], saved.id, new.clone()).await), [None; 6]);
    assert_eq!(
        codes(changes(&world, &people[1], saved.id, new.clone()).await),
        [forbidden; 7]
    );
    assert_eq!(codes(reads(&world, &people[2], saved.id, new.clone()).await), [None; 6]);
    assert_eq!(codes(changes(&world, &people[2], saved.id, new).await), [None; 7]);
    world.end().await;
}

#[tokio::test]
async fn a_project_with_a_schedule_is_not_deleted_and_the_pipeline_of_a_schedule_only_by_it() {
    let world = World::new().await;
    let project = world.gathering.create_project(&world.ada, "shared").await.unwrap().id;
    let new = NewSchedule {
        project_id: Some(project),
        definition: Json::from_value(
            &json!({"name": "x", "kind": "cron", "cron": "@daily", "action": world.post("/")}),
        ),
    };
    let saved = world.gathering.create_schedule(&world.ada, new).await.unwrap();
    let error = world.gathering.delete_project(&world.ada, project).await.unwrap_err();
    let left = "schedules that have not ended";
    assert!(
        matches!(error, Error::ProjectNotEmpty { left: told } if told == left),
        "{error}"
    );
    world.gathering.trigger_schedule(&world.ada, saved.id).await.unwrap();
    let firings = world
        .when(saved.id, "it has fired", |firings| statuses(firings) == ["succeeded"])
        .await;
    let run = world
        .gathering
        .run(&world.ada, firings[0].run_id.unwrap())
        .await
        .unwrap();
    let pipeline = run.head.summary.pipeline_id;
    let error = world
        .gathering
        .delete_pipeline(&world.ada, pipeline, None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::PipelineOfSchedule);
    world
        .gathering
        .delete_schedule(&world.ada, saved.id, None)
        .await
        .unwrap();
    world.gathering.delete_project(&world.ada, project).await.unwrap();
    world.end().await;
}
