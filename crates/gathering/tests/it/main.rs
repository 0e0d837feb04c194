//! The facade as an embedder uses it, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod schedules;
mod week;

use std::time::Duration;

use gathering::{
    Call, Client, Code, Error, Gathering, HandlerError, Identity, Json, NewAccount, NewPipeline, NewRun, PageRequest,
    PipelineChange, PipelineQuery, Registration, RunId, RunQuery, RunView,
};
use gathering_testkit::{TestDatabase, until};
use secrecy::SecretString;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

/// A GatheRing with one action of its own, which doubles a number.
async fn gathering(database: &TestDatabase) -> Gathering {
    let double = async |call: Call| {
        let config: Value = call.config.to_value();
        let number = config["number"]
            .as_i64()
            .ok_or_else(|| HandlerError::permanent("no_number", "not a number"))?;
        Ok(Json::from_value(&json!(number * 2)))
    };
    Gathering::builder(database.pool().await)
        .registration(Registration::Open)
        .handler("double", double)
        .build()
        .await
        .unwrap()
}

async fn user(gathering: &Gathering, email: &str) -> Identity {
    let account = NewAccount {
        email: email.to_owned(),
        password: SecretString::from(PASSWORD),
        name: None,
        invitation: None,
    };
    gathering.register(account, &Client::default()).await.unwrap();
    let tokens = gathering
        .login(email, SecretString::from(PASSWORD), &Client::default())
        .await
        .unwrap();
    let token = secrecy::ExposeSecret::expose_secret(&tokens.access_token).to_owned();
    gathering.authenticate(&token, Client::default()).await.unwrap()
}

fn pipeline(definition: &Value) -> NewPipeline {
    NewPipeline {
        project_id: None,
        name: "a pipeline".to_owned(),
        definition: Json::from_value(definition),
    }
}

async fn ended(gathering: &Gathering, identity: &Identity, id: RunId) -> RunView {
    until("the run ends", Duration::from_secs(30), async || {
        let view = gathering.run(identity, id).await.unwrap();
        view.head.summary.finished_at.is_some().then_some(view)
    })
    .await
}

#[tokio::test]
async fn an_embedder_adds_an_action_of_their_own() {
    let database = TestDatabase::new().await;
    let gathering = gathering(&database).await;
    let work = gathering.start().await.unwrap();
    let ada = user(&gathering, "ada@example.org").await;
    let action = json!({"id": "twice", "type": "action", "config": {"action": "double", "number": "{{ input }}"}});
    let saved = gathering
        .create_pipeline(&ada, pipeline(&json!({"nodes": [action]})))
        .await
        .unwrap();
    let run = gathering
        .start_run(&ada, saved.summary.id, NewRun::new(Json::from_value(&json!(21))))
        .await
        .unwrap();
    let view = ended(&gathering, &ada, run.id).await;
    assert_eq!(view.head.output, Some(Json::from_value(&json!({"twice": 42}))));
    work.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn without_being_started_it_keeps_runs_for_whoever_works() {
    let database = TestDatabase::new().await;
    let edge = gathering(&database).await;
    let ada = user(&edge, "ada@example.org").await;
    let trigger = json!({"nodes": [{"id": "start", "type": "trigger"}]});
    let saved = edge.create_pipeline(&ada, pipeline(&trigger)).await.unwrap();
    let run = edge
        .start_run(&ada, saved.summary.id, NewRun::new(Json::null()))
        .await
        .unwrap();
    assert_eq!(run.status, "queued");

    let worker = gathering(&database).await;
    let work = worker.start().await.unwrap();
    assert_eq!(ended(&edge, &ada, run.id).await.head.summary.status, "completed");
    work.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn nothing_of_a_project_exists_for_who_does_not_own_it() {
    let database = TestDatabase::new().await;
    let gathering = gathering(&database).await;
    let (ada, eve) = (
        user(&gathering, "ada@example.org").await,
        user(&gathering, "eve@example.org").await,
    );
    let trigger = json!({"nodes": [{"id": "start", "type": "trigger"}]});
    let saved = gathering.create_pipeline(&ada, pipeline(&trigger)).await.unwrap();
    let run = gathering
        .start_run(&ada, saved.summary.id, NewRun::new(Json::null()))
        .await
        .unwrap();
    let project = Some(ada.default_project_id);
    let page = PageRequest { limit: 10, after: None };
    let change = PipelineChange {
        name: None,
        definition: Json::from_value(&trigger),
        expected_version: None,
    };
    let query = RunQuery {
        project_id: project,
        ..RunQuery::default()
    };
    let listed = PipelineQuery {
        project_id: project,
        name: None,
        page,
    };
    let refused: Vec<Error> = vec![
        gathering
            .create_pipeline(
                &eve,
                NewPipeline {
                    project_id: project,
                    ..pipeline(&trigger)
                },
            )
            .await
            .unwrap_err(),
        gathering.pipelines(&eve, listed).await.unwrap_err(),
        gathering.pipeline(&eve, saved.summary.id, None).await.unwrap_err(),
        gathering
            .update_pipeline(&eve, saved.summary.id, change)
            .await
            .unwrap_err(),
        gathering
            .delete_pipeline(&eve, saved.summary.id, None)
            .await
            .unwrap_err(),
        gathering
            .start_run(&eve, saved.summary.id, NewRun::new(Json::null()))
            .await
            .unwrap_err(),
        gathering.run(&eve, run.id).await.unwrap_err(),
        gathering.runs(&eve, query, page).await.unwrap_err(),
        gathering.journal(&eve, run.id, 0, 10).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.code(), Code::NotFound, "{error}");
    }
}

#[tokio::test]
async fn what_is_shown_to_a_caller_never_holds_what_is_for_the_log() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let gathering = Gathering::builder(pool.clone()).build().await.unwrap();
    pool.close();
    let error = gathering.check_database().await.unwrap_err();
    assert_eq!(error.code(), Code::DatabaseUnavailable);
    assert_eq!(
        error.to_string(),
        "the database is not available, or did not get to it in time; try again in a moment"
    );
    assert!(error.retry_after().is_some());
}
