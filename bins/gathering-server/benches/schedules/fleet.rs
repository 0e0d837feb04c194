//! The instances: each a real process.

use std::time::Duration;

use gathering_testkit::{Client, Server, ServerOptions};

/// Longest wait for a process to end by itself.
const END_LIMIT: Duration = Duration::from_secs(30);

/// The instances, counted from 0.
#[derive(Debug)]
pub(crate) struct Fleet {
    options: ServerOptions,
    servers: Vec<Option<Server>>,
    /// What their earlier processes have logged.
    logged: Vec<String>,
    pub(crate) kills: usize,
}

impl Fleet {
    /// So many instances on the database at `url`, all at work.
    pub(crate) async fn start(count: usize, url: &str) -> Self {
        let options = ServerOptions::new(env!("CARGO_BIN_EXE_gathering"))
            .database_url(url)
            .allow_outbound("127.0.0.1")
            .env("GATHERING_LOG_FORMAT", "json");
        let mut fleet = Self {
            options,
            servers: (0..count).map(|_| None).collect(),
            logged: vec![String::new(); count],
            kills: 0,
        };
        fleet.spawn_all().await;
        fleet
    }

    /// A user who asks the first.
    pub(crate) async fn open(&self) -> Client {
        self.first().register_and_login("ada@example.org").await
    }

    /// The same user at an instance that is there.
    pub(crate) fn at_any(&self, client: &Client) -> Client {
        client.at(self.first())
    }

    fn first(&self) -> &Server {
        let server = self.servers.iter().flatten().next();
        server.unwrap_or_else(|| panic!("no instance is there"))
    }

    /// Every instance that is not there.
    pub(crate) async fn spawn_all(&mut self) {
        for server in &mut self.servers {
            if server.is_none() {
                *server = Some(Server::spawn(&self.options).await);
            }
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, instance: usize) {
        if let Some(mut server) = self.servers[instance].take() {
            server.kill9();
            self.kills += 1;
            self.logged[instance] += &server.log();
        }
    }

    /// SIGTERM for all, one after the other; gives what was odd about their ends.
    pub(crate) async fn stop_all(&mut self) -> Vec<String> {
        let mut odd = Vec::new();
        for (instance, server) in self.servers.iter_mut().enumerate() {
            let Some(mut server) = server.take() else { continue };
            let status = server.terminate(END_LIMIT).await;
            self.logged[instance] += &server.log();
            if !status.success() {
                odd.push(format!("instance {instance} ended with {status} after SIGTERM"));
            }
        }
        odd
    }

    /// Those that have ended although nobody told them to, each in a sentence.
    pub(crate) fn fallen(&mut self) -> Vec<String> {
        let mut fallen = Vec::new();
        for (instance, server) in self.servers.iter_mut().enumerate() {
            if let Some(status) = server.as_mut().and_then(Server::ended) {
                fallen.push(format!("instance {instance} ended by itself, with {status}"));
            }
        }
        fallen
    }

    /// What each instance has logged, over all its processes.
    pub(crate) fn logs(&self) -> Vec<String> {
        let all = self.logged.iter().zip(&self.servers);
        all.map(|(logged, server)| {
            let present = server.as_ref().map(Server::log).unwrap_or_default();
            format!("{logged}{present}")
        })
        .collect()
    }
}
