//! Node types of an embedder's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gathering_pipeline::{
    BoxFuture, Call, ConfigProblem, Engine, Error, Handler, HandlerError, InvalidKindName, Json, StartRun,
};
use gathering_testkit::TestDatabase;
use serde_json::{Map, Value, json};

use crate::support::{LIMIT, ended, save};

#[path = "../../examples/own_node_kind.rs"]
#[expect(dead_code, reason = "its `main` is for the command line")]
mod own_node_kind;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_works() {
    let database = TestDatabase::empty().await;
    own_node_kind::run(&database.url()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_an_own_type_is_given_its_whole_config_is_tried_again_and_shows_its_type() {
    let database = TestDatabase::new().await;
    let attempts = Arc::new(AtomicUsize::new(0));
    let engine = Engine::builder(database.pool().await)
        .node_kind("score", move |call: Call| {
            let attempt = attempts.fetch_add(1, Ordering::SeqCst);
            async move {
                match attempt {
                    0 => Err(HandlerError::transient("busy", "later")),
                    _ => Ok(call.config),
                }
            }
        })
        .build();
    let handle = engine.start().await.unwrap();
    let definition = json!({"nodes": [{"id": "s", "type": "score", "config": {"action": "{{ input.n }}"},
        "retry": {"max_attempts": 2, "initial": "1ms"}}]});
    let pipeline = save(&engine, definition).await;
    let start = StartRun::new(pipeline).input(json!({"n": 7}));
    let run = engine.start_run(start).await.unwrap();
    let view = ended(&engine, run.id).await;
    assert_eq!(view.head.output.unwrap().to_value(), json!({"s": {"action": 7}}));
    assert_eq!((view.nodes[0].r#type.as_str(), view.nodes[0].attempts), ("score", 2));

    // An engine that does not know the type shows the run all the same.
    let stranger = Engine::builder(database.pool().await).build();
    let view = stranger.run(run.id).await.unwrap().unwrap();
    assert_eq!(
        (view.nodes[0].r#type.as_str(), view.nodes[0].status.as_str()),
        ("score", "completed")
    );
    handle.shutdown(LIMIT).await;
}

/// Finds `model` missing, and panics over a config with `panic`.
struct Picky;

impl Handler for Picky {
    fn check(&self, config: &Map<String, Value>) -> Vec<ConfigProblem> {
        assert!(!config.contains_key("panic"), "on purpose");
        let missing = !config.contains_key("model");
        missing.then(|| ConfigProblem::missing("model")).into_iter().collect()
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Result<Json, HandlerError>> {
        Box::pin(async move { Ok(call.config) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn configs_of_own_types_are_checked_when_saved_and_a_check_that_panics_is_a_problem_of_its_node() {
    let database = TestDatabase::new().await;
    let engine = Engine::builder(database.pool().await)
        .node_kind("score", Picky)
        .handler("rate", Picky)
        .build();
    let definition = json!({"edges": [], "nodes": [
        {"id": "bare", "type": "score"}, {"id": "odd", "type": "score", "config": {"panic": true}},
        {"id": "too", "type": "action", "config": {"action": "rate", "panic": 1}}, {"id": "slip", "type": "scor"}]});
    let told: Vec<_> = engine
        .validate(definition.into())
        .await
        .into_iter()
        .map(|problem| (problem.node.unwrap(), problem.field.unwrap(), problem.code))
        .collect();
    let expected = [
        ("bare", "config.model", "missing_field"),
        ("odd", "config", "check_failed"),
        ("too", "config", "check_failed"),
        ("slip", "type", "unknown_kind"),
    ];
    assert_eq!(
        told,
        expected.map(|(node, field, code)| (node.to_owned(), field.to_owned(), code))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_with_a_node_type_of_an_impossible_name_does_not_start() {
    let database = TestDatabase::new().await;
    for (name, reason) in [
        ("delay", InvalidKindName::BuiltIn),
        ("Score", InvalidKindName::Malformed),
    ] {
        let engine = Engine::builder(database.pool().await).node_kind(name, Picky).build();
        let refused = engine.start().await;
        assert!(
            matches!(&refused, Err(Error::InvalidNodeKind { name: found, reason: why }) if found == name && *why == reason),
            "{refused:?}"
        );
        let definition = json!({"nodes": [{"id": "a", "type": name, "config": {"duration": "1s"}}]});
        assert_eq!(engine.validate(definition.into()).await.is_empty(), name == "delay");
    }
}
