//! The database goes away and comes back.

use std::process::Command;
use std::time::Duration;

use gathering_embedded_postgres::{Cluster, Options};
use gathering_persistence::{ConnectOptions, connect};
use gathering_testkit::{Client, Server, ServerOptions, TestCluster, TestDatabase, eventually};
use serde_json::{Value, json};

use crate::api::{Document, Told};
use crate::support::{Directory, binary};

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn while_the_database_is_away_requests_get_503_and_afterwards_all_is_well_without_a_restart() {
    let cluster = TestCluster::own().await;
    let database = cluster.database().await;
    let server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    let pipeline = json!({"name": "x", "definition": {"nodes": [{"id": "start", "type": "trigger"}]}});
    let created = client.post("/api/v1/pipelines", &pipeline).await;
    assert_eq!(created.status, 201, "{created:?}");

    cluster.kill9();
    eventually("readiness says so", LIMIT, async || {
        let ready = client.get("/health/ready").await;
        (ready.status, ready.json["code"].as_str()) == (503, Some("database_unavailable"))
    })
    .await;
    let login = json!({"email": "ada@example.org", "password": "whatever it may be"});
    let refused = [
        client.get("/api/v1/pipelines").await,
        client.get("/api/v1/runs").await,
        client.post("/api/v1/pipelines", &pipeline).await,
        client.post("/api/v1/auth/login", &login).await,
    ];
    for answer in refused {
        assert_eq!(
            (answer.status, answer.json["code"].as_str()),
            (503, Some("database_unavailable")),
            "{answer:?}"
        );
        assert_eq!(answer.headers.get("retry-after").map(String::as_str), Some("2"));
    }
    assert_eq!(client.get("/health/live").await.status, 200);

    cluster.restart().await;
    eventually("the server is ready again", LIMIT, async || {
        client.get("/health/ready").await.status == 200
    })
    .await;
    let listed = client.get("/api/v1/pipelines").await;
    assert_eq!(listed.json["items"][0]["id"], created.json["id"]);
    let path = format!(
        "/api/v1/pipelines/{}/runs",
        created.json["id"].as_str().unwrap_or_default()
    );
    let run = client.post(&path, &json!({})).await;
    let path = format!("/api/v1/runs/{}", run.json["id"].as_str().unwrap_or_default());
    eventually("a run completes", LIMIT, async || {
        client.get(&path).await.json["status"] == "completed"
    })
    .await;
}

#[tokio::test]
async fn a_server_that_starts_before_its_database_waits_for_it() {
    let cluster = TestCluster::own().await;
    let database = cluster.database().await;
    cluster.kill9();
    let options = ServerOptions::new(binary()).database_url(&database.url());
    let (server, ()) = tokio::join!(Server::spawn(&options), cluster.restart());
    assert_eq!(server.client().get("/health/ready").await.status, 200);
}

/// The lines of the log that say so.
fn lines(server: &Server, message: &str) -> Vec<Value> {
    let log = server.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}

async fn becomes(client: &Client, status: u16) {
    eventually(&format!("readiness is {status}"), LIMIT, async || {
        client.get("/health/ready").await.status == status
    })
    .await;
}

async fn completes_a_run(client: &Client) {
    let pipeline = json!({"name": "x", "definition": {"nodes": [{"id": "start", "type": "trigger"}]}});
    let created = client.post("/api/v1/pipelines", &pipeline).await;
    let path = format!("/api/v1/pipelines/{}/runs", created.json["id"].as_str().unwrap());
    let run = client.post(&path, &json!({})).await;
    assert_eq!(run.status, 202, "{}", run.json);
    let path = format!("/api/v1/runs/{}", run.json["id"].as_str().unwrap());
    eventually("a run completes", LIMIT, async || {
        client.get(&path).await.json["status"] == "completed"
    })
    .await;
}

/// The embedded database that a running server manages in this directory.
async fn embedded(directory: &Directory) -> Cluster {
    let options = Options::new(&directory.0);
    let joined = tokio::task::spawn_blocking(move || Cluster::start(&options)).await;
    joined.unwrap().unwrap()
}

#[tokio::test]
async fn an_embedded_database_that_is_killed_is_started_again_and_again() {
    let directory = Directory::new();
    let mut server = Server::spawn(&ServerOptions::new(binary()).data_dir(&directory.0)).await;
    let client = server.register_and_login("ada@example.org").await;
    let cluster = embedded(&directory).await;
    for times in 1..=2 {
        let killed = cluster.pid().unwrap();
        let done = Command::new("kill").args(["-9", &killed.to_string()]).status().unwrap();
        assert!(done.success());
        eventually("the log says that it is back", LIMIT, async || {
            lines(&server, "the embedded database is back").len() == times
        })
        .await;
        becomes(&client, 200).await;
        assert_ne!(cluster.pid().unwrap(), killed);
        completes_a_run(&client).await;
    }
    let died = lines(&server, "the embedded database died; starting it again");
    let levels: Vec<_> = died.iter().map(|line| &line["level"]).collect();
    assert_eq!(levels, ["ERROR", "ERROR"]);
    assert_eq!(server.terminate(LIMIT).await.code(), Some(0));
    assert_eq!(cluster.pid(), None);
}

#[tokio::test]
async fn a_second_server_on_one_data_directory_takes_the_database_over_when_the_first_ends() {
    let directory = Directory::new();
    let options = ServerOptions::new(binary()).data_dir(&directory.0);
    let mut first = Server::spawn(&options).await;
    let mut second = Server::spawn(&options).await;
    let client = second.register_and_login("ada@example.org").await;
    assert_eq!(first.terminate(LIMIT).await.code(), Some(0));
    eventually("the log says that it is back", LIMIT, async || {
        lines(&second, "the embedded database is back").len() == 1
    })
    .await;
    becomes(&client, 200).await;
    completes_a_run(&client).await;
    assert_eq!(second.terminate(LIMIT).await.code(), Some(0));
}

/// Has a process begin to start on the embedded database of this one, and takes that away when it comes to what `hold` keeps from it.
async fn taken_away_at<T>(directory: &Directory, hold: &str, begin: impl AsyncFnOnce() -> T) -> T {
    let cluster = embedded(directory).await;
    assert!(cluster.is_manager());
    let pool = connect(&ConnectOptions::new(cluster.url())).await.unwrap();
    let holder = pool.get().await.unwrap();
    holder.batch_execute(&format!("BEGIN; {hold}")).await.unwrap();
    let looker = pool.get().await.unwrap();
    let take_away = async {
        eventually("it waits for what is held", LIMIT, async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
            looker.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0
        })
        .await;
        tokio::task::spawn_blocking(|| drop(cluster)).await.unwrap();
    };
    tokio::join!(begin(), take_away).0
}

#[tokio::test]
async fn a_server_goes_on_starting_when_whoever_managed_the_embedded_database_ends_meanwhile() {
    let directory = Directory::new();
    let options = ServerOptions::new(binary()).data_dir(&directory.0);
    for (step, hold) in [
        ("its migrations", "CREATE TABLE pipelines (id int)"),
        ("the signing keys", "LOCK TABLE signing_keys"),
        ("its engines", "LOCK TABLE instances"),
    ] {
        let mut server = taken_away_at(&directory, hold, async || Server::spawn(&options).await).await;
        assert!(!lines(&server, "waiting for the database").is_empty(), "{step}");
        becomes(&server.client(), 200).await;
        assert_eq!(server.terminate(LIMIT).await.code(), Some(0), "{step}");
    }
}

#[tokio::test]
async fn a_command_that_looks_goes_on_when_whoever_managed_the_embedded_database_ends_meanwhile() {
    let directory = Directory::new();
    let mut server = Server::spawn(&ServerOptions::new(binary()).data_dir(&directory.0)).await;
    assert_eq!(server.terminate(LIMIT).await.code(), Some(0));
    for (arguments, hold) in [
        (["schedules", "list"], "LOCK TABLE signing_keys"),
        (["schedules", "list"], "LOCK TABLE schedules"),
        (["keys", "list"], "LOCK TABLE signing_keys"),
    ] {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--data-dir").arg(&directory.0);
        let told = taken_away_at(&directory, hold, async || {
            let told = tokio::task::spawn_blocking(move || command.output());
            told.await.unwrap().unwrap()
        });
        let told = told.await;
        assert_eq!(told.status.code(), Some(0), "{arguments:?}, {hold}: {told:?}");
    }
}

#[tokio::test]
async fn a_server_that_works_on_no_run_is_not_ready_although_the_database_answers() {
    let database = TestDatabase::new().await;
    let server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    let connection = database.pool().await.get().await.unwrap();
    let away = "ALTER TABLE instances RENAME TO away";
    connection.batch_execute(away).await.unwrap();
    let document = Document::new(client.get("/openapi.json").await.json);
    let readiness = document.operation("get_readiness");
    eventually("readiness says so", LIMIT, async || {
        let ready = client.get("/health/ready").await;
        document.check(&readiness, Told::of(&ready));
        let detail = ready.json["detail"].as_str().unwrap_or_default();
        ready.status == 503 && detail.contains("works on no run")
    })
    .await;
    let refused = lines(&server, "request refused");
    assert!(
        refused
            .iter()
            .any(|line| line["status"] == 503 && line["level"] == "WARN")
    );

    let back = "ALTER TABLE away RENAME TO instances";
    connection.batch_execute(back).await.unwrap();
    becomes(&client, 200).await;
    completes_a_run(&client).await;
}

#[tokio::test]
async fn what_somebody_keeps_locked_is_no_fault_of_the_server_and_is_to_be_asked_for_again() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-c%20lock_timeout%3D300ms");
    let mut site = Server::spawn(&ServerOptions::new(binary()).database_url(&url)).await;
    let client = site.register_and_login("ada@example.org").await;
    let pipeline = json!({"name": "x", "definition": {"nodes": [{"id": "start", "type": "trigger"}]}});
    let created = client.post("/api/v1/pipelines", &pipeline).await;
    let run = "/api/v1/runs/0193c3f2-0000-7000-8000-000000000000";
    let start = format!("/api/v1/pipelines/{}/runs", created.json["id"].as_str().unwrap());
    let locked = database.in_transaction("LOCK TABLE runs, pipelines, users", async {
        let login = json!({"email": "ada@example.org", "password": "whatever it may be"});
        let refused = [
            client.get("/api/v1/runs").await,
            client.get(run).await,
            client.post(&format!("{run}/cancel"), &json!({})).await,
            client.get("/api/v1/pipelines").await,
            client.post(&start, &json!({})).await,
            client.post("/api/v1/auth/login", &login).await,
        ];
        for answer in refused {
            assert_eq!(
                (answer.status, answer.json["code"].as_str()),
                (503, Some("database_unavailable")),
                "{answer:?}"
            );
            assert!(answer.headers.contains_key("retry-after"));
        }
    });
    locked.await.unwrap();
    assert_eq!(client.get("/api/v1/runs").await.status, 200);
    assert!(site.terminate(LIMIT).await.success());
}
