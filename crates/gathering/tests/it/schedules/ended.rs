//! Schedules that have ended, and the project in which they stay.

use gathering::{Code, ProjectId, ScheduleStatus};

use super::*;

/// A schedule of a project, which is due in a moment and never again.
async fn once(world: &World, project: ProjectId, action: Value) -> ScheduleId {
    let new = NewSchedule {
        project_id: Some(project),
        definition: Json::from_value(&json!({"name": "once", "kind": "once", "at": soon(), "action": action})),
    };
    world.gathering.create_schedule(&world.ada, new).await.unwrap().id
}

/// Whether the schedules and pipelines of a project are deleted: all of them, those of schedules too.
async fn deleted(world: &World, project: ProjectId) -> Vec<bool> {
    let client = world.database.pool().await.get().await.unwrap();
    let rows = client
        .query(
            "SELECT deleted_at IS NOT NULL FROM schedules WHERE project_id = $1
             UNION ALL SELECT deleted_at IS NOT NULL FROM pipelines WHERE project_id = $1",
            &[&project.as_uuid()],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn refusal(world: &World, project: ProjectId) -> Error {
    world.gathering.delete_project(&world.ada, project).await.unwrap_err()
}

#[tokio::test]
async fn a_project_goes_with_its_ended_schedules_and_what_was_saved_for_them() {
    let world = World::new().await;
    let project = world.gathering.create_project(&world.ada, "shared").await.unwrap().id;
    for path in ["/one", "/two"] {
        let id = once(&world, project, world.post(path)).await;
        world
            .when(id, "it has fired", |firings| statuses(firings) == ["succeeded"])
            .await;
        assert_eq!(world.read(id).await.status, ScheduleStatus::Ended);
    }
    world.gathering.delete_project(&world.ada, project).await.unwrap();
    assert_eq!(deleted(&world, project).await, [true; 4]);
    let gone = world.gathering.project(&world.ada, project).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    world.end().await;
}

#[tokio::test]
async fn a_schedule_that_is_paused_or_due_keeps_its_project_and_the_ended_ones_in_it() {
    let world = World::new().await;
    let project = world.gathering.create_project(&world.ada, "shared").await.unwrap().id;
    let ended = once(&world, project, world.post("/")).await;
    world
        .when(ended, "it has fired", |firings| statuses(firings) == ["succeeded"])
        .await;
    let new = NewSchedule {
        project_id: Some(project),
        definition: Json::from_value(
            &json!({"name": "x", "kind": "cron", "cron": "@daily", "action": world.post("/")}),
        ),
    };
    let daily = world.gathering.create_schedule(&world.ada, new).await.unwrap().id;
    assert_eq!(refusal(&world, project).await.code(), Code::ProjectNotEmpty);
    let pause = world.gathering.pause_schedule(&world.ada, daily, "until it is paid");
    pause.await.unwrap();
    assert_eq!(refusal(&world, project).await.code(), Code::ProjectNotEmpty);
    assert_eq!(world.read(ended).await.status, ScheduleStatus::Ended);
    world.gathering.delete_schedule(&world.ada, daily, None).await.unwrap();
    world.gathering.delete_project(&world.ada, project).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_deletion_that_is_refused_leaves_the_ended_schedules_as_they_are() {
    let world = World::new().await;
    let own = world.ada.default_project_id;
    let ended = once(&world, own, world.post("/")).await;
    world
        .when(ended, "it has fired", |firings| statuses(firings) == ["succeeded"])
        .await;
    // The own project of a user stays, which is told under the lock.
    assert_eq!(refusal(&world, own).await.code(), Code::StillNeeded);
    assert_eq!(world.read(ended).await.status, ScheduleStatus::Ended);
    assert_eq!(deleted(&world, own).await, [false; 2]);
    world.end().await;
}
