//! Instances that are silent for longer than the lease without being dead: others go on with their runs, and they notice.

use std::time::Duration;

use gathering_testkit::{Answer, Client, Proxy, Receiver, Server, ServerOptions, TestDatabase, eventually};
use serde_json::Value;

use crate::faults::{assert_nothing_lost_or_doubled, completed, save, start, thirty_posts};
use crate::support::binary;

const LIMIT: Duration = Duration::from_mins(1);

/// Two servers with a short lease, and runs that the first one works on.
struct Scene {
    receiver: Receiver,
    database: TestDatabase,
    /// Between the first server and the database.
    line: Proxy,
    first: Server,
    second: Server,
    client: Client,
    runs: Vec<String>,
}

impl Scene {
    async fn set() -> Self {
        let receiver = Receiver::start();
        receiver.answer("/post", Answer::status(200).delay(Duration::from_millis(60)));
        let database = TestDatabase::new().await;
        let line = Proxy::start(&database.url()).await;
        let options = ServerOptions::new(binary())
            .allow_outbound("127.0.0.1")
            .env("GATHERING_INSTANCE_LEASE", "2s");
        let first = Server::spawn(&options.clone().database_url(&line.url())).await;
        let second = Server::spawn(&options.database_url(&database.url())).await;
        let client = first.register_and_login("ada@example.org").await;
        let pipeline = save(&client, &thirty_posts(&receiver.url("/post"))).await;
        let mut runs = Vec::new();
        for _ in 0..10 {
            runs.push(start(&client, &pipeline).await);
        }
        receiver.wait_for(20, LIMIT).await;
        Self {
            receiver,
            database,
            line,
            first,
            second,
            client,
            runs,
        }
    }

    /// The second server goes on with everything.
    async fn taken_over(&self) {
        let client = self.client.at(&self.second);
        for run in &self.runs {
            completed(&client, run).await;
        }
    }

    /// The first server has come back as somebody else, and works; nothing was lost or doubled.
    async fn ends_well(mut self) {
        eventually("the first server is registered again", LIMIT, async || {
            ids(&self.first).len() == 2
        })
        .await;
        let [before, after] = &ids(&self.first)[..] else {
            unreachable!()
        };
        assert_ne!(before, after);
        let client = self.client.at(&self.first);
        eventually("the first server is ready", LIMIT, async || {
            client.get("/health/ready").await.status == 200
        })
        .await;
        assert_nothing_lost_or_doubled(&client, &self.database.url(), &self.runs, &self.receiver).await;
        self.first.terminate(LIMIT).await;
        self.second.terminate(LIMIT).await;
    }
}

/// The ids under which a server has worked.
fn ids(server: &Server) -> Vec<String> {
    let log = server.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let started = lines.filter(|line| line["message"] == "instance started");
    started.map(|line| line["instance_id"].to_string()).collect()
}

#[tokio::test]
async fn a_server_that_was_paused_for_longer_than_its_lease_comes_back_as_a_new_instance() {
    let scene = Scene::set().await;
    scene.first.pause();
    scene.taken_over().await;
    scene.first.resume();
    scene.ends_well().await;
}

#[tokio::test]
async fn a_server_whose_line_to_the_database_is_silent_for_longer_than_its_lease_comes_back_as_a_new_instance() {
    let scene = Scene::set().await;
    scene.line.fall_silent();
    scene.taken_over().await;
    scene.line.speak();
    scene.ends_well().await;
}

#[tokio::test]
async fn a_server_that_loses_every_connection_for_a_moment_keeps_its_runs() {
    let scene = Scene::set().await;
    for _ in 0..5 {
        scene.line.cut();
        scene
            .receiver
            .wait_for(scene.receiver.requests().len() + 5, LIMIT)
            .await;
    }
    scene.taken_over().await;
    assert_eq!(ids(&scene.first).len(), 1);
    assert_nothing_lost_or_doubled(&scene.client, &scene.database.url(), &scene.runs, &scene.receiver).await;
}
