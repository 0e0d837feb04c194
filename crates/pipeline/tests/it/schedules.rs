//! Pipelines that are saved for a schedule.

use gathering_pipeline::{Engine, NewPipeline, PageRequest, ScheduleId, StartRun, UpdatePipeline};
use gathering_testkit::TestDatabase;
use uuid::Uuid;

use crate::support::{Calls, LIMIT, builder, chain, ended, save};

pub(crate) fn of_schedule(definition: serde_json::Value) -> NewPipeline {
    NewPipeline {
        schedule_id: Some(schedule()),
        ..NewPipeline::new("the action of a schedule", definition)
    }
}

fn schedule() -> ScheduleId {
    ScheduleId::from(Uuid::from_u128(7))
}

async fn listed(engine: &Engine) -> Vec<gathering_pipeline::PipelineId> {
    let page = PageRequest { limit: 10, after: None };
    let page = engine.pipelines(Uuid::nil().into(), page).await.unwrap();
    page.items.into_iter().map(|pipeline| pipeline.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_of_a_schedule_is_as_any_other_but_not_listed() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let other = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let new = of_schedule(chain(&["a"]));
    let saved = engine.create_pipeline_in(&transaction, new.clone()).await.unwrap();
    let once = engine
        .create_pipeline_once_in(&transaction, new.clone(), "key")
        .await
        .unwrap();
    let again = engine.create_pipeline_once_in(&transaction, new, "key").await.unwrap();
    assert!(again.replayed && again.pipeline.summary.id == once.pipeline.summary.id);
    let update = UpdatePipeline {
        id: saved.summary.id,
        name: None,
        definition: chain(&["a", "b"]).into(),
        expected_version: Some(1),
        created_by: None,
    };
    let updated = engine.update_pipeline_in(&transaction, update).await.unwrap();
    transaction.commit().await.unwrap();
    for view in [&saved, &updated, &once.pipeline, &again.pipeline] {
        assert_eq!(view.summary.schedule_id, Some(schedule()));
    }
    let read = engine.pipeline(saved.summary.id, None).await.unwrap().unwrap();
    assert_eq!((read.summary.schedule_id, read.summary.version), (Some(schedule()), 2));
    let read = engine.pipeline(other, None).await.unwrap().unwrap();
    assert_eq!(read.summary.schedule_id, None);
    assert_eq!(listed(&engine).await, [other]);
    let run = engine.start_run(StartRun::new(saved.summary.id)).await.unwrap();
    assert_eq!(ended(&engine, run.id).await.nodes.len(), 2);
    assert!(engine.delete_pipeline(saved.summary.id).await.unwrap());
    handle.shutdown(LIMIT).await;
}
