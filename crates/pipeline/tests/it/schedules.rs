//! Pipelines that are saved for a schedule.

use std::collections::HashSet;

use gathering_pipeline::{Engine, Error, NewPipeline, PageRequest, ScheduleId, StartRun, UpdatePipeline};
use gathering_testkit::{TestDatabase, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Calls, LIMIT, builder, chain, ended, save};

fn of_schedule(definition: Value) -> NewPipeline {
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
    let page = engine.pipelines(Uuid::nil().into(), None, page).await.unwrap();
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
    assert!(engine.delete_pipeline(saved.summary.id, None).await.unwrap());
    handle.shutdown(LIMIT).await;
}

fn reads_firing(member: &str) -> Value {
    let config = json!({"action": "echo", "due": format!("{{{{ firing.{member} }}}}")});
    json!({"nodes": [{"id": "a", "type": "action", "config": config}]})
}

fn is_unknown_name<T: std::fmt::Debug>(refused: Result<T, Error>) -> bool {
    let Err(Error::Invalid { problems }) = refused else {
        return false;
    };
    problems.iter().all(|problem| problem.code == "unknown_name")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_pipeline_of_a_schedule_reads_the_firing_in_all_of_its_versions() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let other = save(&engine, chain(&["a"])).await;
    let right = reads_firing("due_at");
    assert_eq!(engine.validate_of_schedule(right.clone().into()).await, []);
    assert_eq!(engine.validate(right.clone().into()).await.len(), 1);
    let refused = engine.create_pipeline(NewPipeline::new("x", right.clone())).await;
    assert!(is_unknown_name(refused));
    let refused = engine.create_pipeline(of_schedule(reads_firing("due"))).await;
    assert!(is_unknown_name(refused));
    let saved = engine
        .create_pipeline(of_schedule(right.clone()))
        .await
        .unwrap()
        .summary
        .id;
    let update = |id, definition: &Value| UpdatePipeline {
        id,
        name: None,
        definition: definition.clone().into(),
        expected_version: None,
        created_by: None,
    };
    assert!(is_unknown_name(engine.update_pipeline(update(other, &right)).await));
    let wrong = reads_firing("x");
    assert!(is_unknown_name(engine.update_pipeline(update(saved, &wrong)).await));
    engine.update_pipeline(update(saved, &right)).await.unwrap();
    // Another one, which reads it from the database.
    let works = builder(pool, &Calls::default()).build();
    let handle = works.start().await.unwrap();
    let input = json!({"firing": {"due_at": "2026-03-29T01:30:00Z"}});
    let run = works.start_run(StartRun::new(saved).input(input)).await.unwrap();
    let run = ended(&works, run.id).await;
    let output = run.head.output.unwrap().to_value();
    assert_eq!(output["a"]["due"], "2026-03-29T01:30:00Z");
    let run = works.start_run(StartRun::new(saved)).await.unwrap();
    assert_eq!(ended(&works, run.id).await.head.summary.status, "failed");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outcomes_of_runs_are_those_of_the_ended_ones_and_many_are_cancelled_in_one_transaction() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &calls).build();
    let handle = engine.start().await.unwrap();
    let node = |action: &str| json!({"nodes": [{"id": "n", "type": "action", "config": {"action": action}}]});
    let mut runs = Vec::new();
    for action in ["echo", "fail", "hang", "hang"] {
        let pipeline = save(&engine, node(action)).await;
        runs.push(engine.start_run(StartRun::new(pipeline)).await.unwrap().id);
    }
    ended(&engine, runs[0]).await;
    ended(&engine, runs[1]).await;
    eventually("the others to hang", LIMIT, async || calls.of("n") == 3).await;
    let asked: Vec<_> = runs.iter().copied().chain([Uuid::nil().into()]).collect();
    let outcomes = async || {
        let mut outcomes = engine.outcomes(&asked).await.unwrap();
        outcomes.sort_by_key(|outcome| runs.iter().position(|run| *run == outcome.id));
        let told = |code: Value| code["code"].as_str().map(str::to_owned).unwrap_or_default();
        let told = |error: Option<gathering_pipeline::Json>| error.map(|error| told(error.to_value()));
        let outcomes = outcomes.into_iter();
        outcomes
            .map(|outcome| (outcome.id, outcome.status.to_string(), told(outcome.error)))
            .collect::<Vec<_>>()
    };
    let expected =
        |index: usize, status: &str, code: Option<&str>| (runs[index], status.to_owned(), code.map(str::to_owned));
    let of_two = [
        expected(0, "completed", None),
        expected(1, "failed", Some("node_failed")),
    ];
    assert_eq!(outcomes().await, of_two);

    let mut client = pool.get().await.unwrap();
    for commits in [false, true] {
        let transaction = client.transaction().await.unwrap();
        let ended = engine.cancel_runs_by_id_in(&transaction, &asked, "overtaken");
        let ended: HashSet<_> = ended.await.unwrap().into_iter().collect();
        assert_eq!(ended, runs[2..].iter().copied().collect());
        let again = engine.cancel_runs_by_id_in(&transaction, &asked, "overtaken");
        assert_eq!(again.await.unwrap(), []);
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
            assert_eq!(outcomes().await, of_two);
        }
    }
    let cancelled = [2, 3].map(|index| expected(index, "cancelled", Some("cancelled")));
    assert_eq!(outcomes().await, [&of_two[..], &cancelled].concat());
    handle.shutdown(LIMIT).await;
}
