//! A node type of your own: `cargo run -p gathering-pipeline --example own_node_kind`, with `DATABASE_URL` naming an empty PostgreSQL.

use std::error::Error;
use std::time::Duration;

use gathering_pipeline::{
    BoxFuture, Call, ConfigProblem, ConnectOptions, Engine, Handler, HandlerError, Json, NewPipeline, StartRun,
    connect, migrate,
};
use serde_json::{Map, Value, json};

/// `{"type": "score", "config": {"text": …, "word": …}}` counts how often a word occurs in a text.
struct Score;

impl Handler for Score {
    /// Called when a pipeline is saved; strings may still hold `{{ }}`.
    fn check(&self, config: &Map<String, Value>) -> Vec<ConfigProblem> {
        let missing = ["text", "word"]
            .into_iter()
            .filter(|field| !config.contains_key(*field));
        missing.map(ConfigProblem::missing).collect()
    }

    /// Called for each attempt, with the config rendered.
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Json, HandlerError>> {
        Box::pin(async move {
            let config = call.config.to_value();
            let (Some(text), Some(word)) = (config["text"].as_str(), config["word"].as_str()) else {
                return Err(HandlerError::permanent("not_text", "`text` and `word` must be texts"));
            };
            Ok(json!(text.split_whitespace().filter(|part| *part == word).count()).into())
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("DATABASE_URL").map_err(|error| format!("DATABASE_URL names no database: {error}"))?;
    run(&url).await
}

/// Makes the node type known, saves a pipeline that uses it, and runs it.
pub(crate) async fn run(url: &str) -> Result<(), Box<dyn Error>> {
    let pool = connect(&ConnectOptions::new(url)).await?;
    migrate(&pool).await?;
    let engine = Engine::builder(pool).node_kind("score", Score).build();
    let working = engine.start().await?;
    let definition = json!({"nodes": [{"id": "s", "type": "score", "config": {"text": "{{ input }}", "word": "so"}}]});
    let pipeline = engine.create_pipeline(NewPipeline::new("scores", definition)).await?;
    let start = StartRun::new(pipeline.summary.id).input(json!("so far so good"));
    let run = engine.start_run(start).await?;
    let done = engine
        .wait(run.id, Duration::from_secs(10))
        .await?
        .ok_or("the run is gone")?;
    let output = done.output.map(|output| output.to_value());
    working.shutdown(Duration::from_secs(5)).await;
    match output {
        Some(output) if output == json!({"s": 2}) => Ok(()),
        other => Err(format!("expected a score of 2, got {other:?}").into()),
    }
}
