//! Projects that are deleted while something comes into them.

use gathering::{Code, ProjectId, ScheduleStatus};
use gathering_persistence::projects;
use gathering_testkit::TestDatabase;
use tokio::join;

use super::*;

/// A project with a schedule that has ended.
async fn with_ended(world: &World) -> (ProjectId, ScheduleId) {
    let project = world.gathering.create_project(&world.ada, "shared").await.unwrap().id;
    let new = of(
        project,
        &json!({"name": "once", "kind": "once", "at": soon(), "action": world.post("/")}),
    );
    let id = world.gathering.create_schedule(&world.ada, new).await.unwrap().id;
    world
        .when(id, "it has fired", |firings| statuses(firings) == ["succeeded"])
        .await;
    assert_eq!(world.read(id).await.status, ScheduleStatus::Ended);
    (project, id)
}

fn of(project: ProjectId, definition: &Value) -> NewSchedule {
    NewSchedule {
        project_id: Some(project),
        definition: Json::from_value(definition),
    }
}

fn pipeline_of(project: ProjectId) -> NewPipeline {
    NewPipeline {
        project_id: Some(project),
        name: "x".to_owned(),
        definition: Json::from_value(&json!({"nodes": [{"id": "start", "type": "trigger"}]})),
    }
}

/// Waits until so many transactions wait for a lock.
async fn waiting(database: &TestDatabase, many: i64) {
    let pool = database.pool().await;
    until("they wait for the project", LIMIT, async || {
        let client = pool.get().await.unwrap();
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                       AND query LIKE '%FROM projects%'";
        let waiting: i64 = client.query_one(waiting, &[]).await.unwrap().get(0);
        (waiting == many).then_some(())
    })
    .await;
}

/// What is there of a project that is not deleted: itself, schedules, and pipelines, also those of schedules.
async fn alive(world: &World, project: ProjectId) -> [i64; 3] {
    let client = world.database.pool().await.get().await.unwrap();
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM projects WHERE id = $1 AND deleted_at IS NULL),
                    (SELECT count(*) FROM schedules WHERE project_id = $1 AND deleted_at IS NULL),
                    (SELECT count(*) FROM pipelines WHERE project_id = $1 AND deleted_at IS NULL)",
            &[&project.as_uuid()],
        )
        .await
        .unwrap();
    [row.get(0), row.get(1), row.get(2)]
}

#[tokio::test]
async fn a_deletion_waits_for_what_comes_into_the_project_and_then_changes_nothing() {
    let world = World::new().await;
    let (project, ended) = with_ended(&world).await;
    assert_eq!(alive(&world, project).await, [1, 1, 1]);
    let mut other = world.database.pool().await.get().await.unwrap();
    let creation = other.transaction().await.unwrap();
    assert!(projects::keep_in(&creation, project).await.unwrap());
    let (deleted, ()) = join!(world.gathering.delete_project(&world.ada, project), async {
        waiting(&world.database, 1).await;
        // As the ended one, but with another id, and due again.
        let copy = "INSERT INTO schedules SELECT (jsonb_populate_record(s, jsonb_build_object(
                        'id', gen_random_uuid(), 'due_at', now() + interval '1 day', 'wake_at', now() + interval '1 day'))).*
                    FROM schedules s WHERE id = $1";
        creation.execute(copy, &[&ended.as_uuid()]).await.unwrap();
        creation.commit().await.unwrap();
    });
    let left = "schedules that have not ended";
    assert!(
        matches!(deleted, Err(Error::ProjectNotEmpty { left: told }) if told == left),
        "{deleted:?}"
    );
    assert_eq!(alive(&world, project).await, [1, 2, 1]);
    assert_eq!(world.read(ended).await.status, ScheduleStatus::Ended);
    world.end().await;
}

/// What came of something that was asked for, as a code.
fn code<T>(result: Result<T, Error>) -> Result<(), Code> {
    result.map(drop).map_err(|error| error.code())
}

/// Begins to delete a project, and ends that once so many transactions of what `comes` wait for it. Its schedules stay, as for a moment in a deletion: it is the
/// project that has to be looked at.
async fn while_deleted<T>(world: &World, project: ProjectId, many: i64, comes: impl Future<Output = T>) -> T {
    let mut other = world.database.pool().await.get().await.unwrap();
    let deletion = other.transaction().await.unwrap();
    let deleted = projects::delete(&deletion, project, SystemClock.now()).await;
    assert!(deleted.unwrap());
    let (came, ()) = join!(comes, async {
        waiting(&world.database, many).await;
        deletion.commit().await.unwrap();
    });
    came
}

#[tokio::test]
async fn what_is_created_waits_for_the_deletion_of_its_project_and_then_is_not_found() {
    let world = World::new().await;
    let (gathering, ada) = (&world.gathering, &world.ada);
    let project = gathering.create_project(ada, "shared").await.unwrap().id;
    let definition = json!({"name": "x", "kind": "cron", "cron": "@daily", "action": world.post("/")});
    let (schedule, pipeline) = (of(project, &definition), pipeline_of(project));
    let comes = async {
        let (one, two, three, four) = join!(
            gathering.create_schedule(ada, schedule.clone()),
            gathering.create_schedule_once(ada, schedule.clone(), "k"),
            gathering.create_pipeline(ada, pipeline.clone()),
            gathering.create_pipeline_once(ada, pipeline.clone(), "k"),
        );
        [code(one), code(two), code(three), code(four)]
    };
    let came = while_deleted(&world, project, 4, Box::pin(comes)).await;
    assert_eq!(came, [Err(Code::NotFound); 4]);
    assert_eq!(alive(&world, project).await, [0, 0, 0]);
    world.end().await;
}

#[tokio::test]
async fn an_ended_schedule_gets_nothing_to_do_again_while_its_project_is_deleted() {
    let world = World::new().await;
    let (project, id) = with_ended(&world).await;
    let (gathering, ada) = (&world.gathering, &world.ada);
    let again = json!({"name": "x", "kind": "cron", "cron": "@daily", "action": world.post("/")});
    let (from, till) = ("2026-01-01T00:00:00Z".parse().unwrap(), soon());
    let comes = async {
        let (one, two, three, four) = join!(
            gathering.update_schedule(ada, id, Json::from_value(&again), None),
            gathering.trigger_schedule(ada, id),
            gathering.trigger_schedule_once(ada, id, "k"),
            gathering.backfill_schedule(ada, id, from, till),
        );
        [code(one), code(two), code(three), code(four)]
    };
    let came = while_deleted(&world, project, 4, Box::pin(comes)).await;
    assert_eq!(came, [Err(Code::NotFound); 4]);
    world.end().await;
}

#[tokio::test]
async fn who_pauses_or_resumes_and_operators_wait_for_a_deletion_as_well() {
    let world = World::new().await;
    let (project, id) = with_ended(&world).await;
    let (gathering, ada) = (&world.gathering, &world.ada);
    let operator = gathering.schedules_as_operator();
    let new = Json::from_value(&json!({"name": "x", "kind": "cron", "cron": "@daily", "action": world.post("/")}));
    let comes = async {
        let (one, two, three, four) = join!(
            gathering.pause_schedule(ada, id, "x"),
            gathering.resume_schedule(ada, id),
            operator.trigger(id),
            operator.create(project, &new),
        );
        [code(one), code(two), code(three), code(four)]
    };
    let came = while_deleted(&world, project, 4, Box::pin(comes)).await;
    assert_eq!(came, [Err(Code::NotFound); 4]);
    let query = FiringQuery {
        limit: 10,
        ..FiringQuery::default()
    };
    let firings = operator.firings(id, query).await.unwrap();
    assert_eq!(statuses(&firings.items), ["succeeded"]);
    world.end().await;
}
