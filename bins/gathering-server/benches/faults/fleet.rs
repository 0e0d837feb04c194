//! The instances: each a real process with a line of its own to the database.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use gathering_testkit::{Client, Proxy, Server, ServerOptions};
use serde_json::Value;

use crate::clock::Clock;
use crate::schedule::LEASE;

/// Longest wait for a process to end by itself.
const END_LIMIT: Duration = Duration::from_secs(30);

/// Runs that an instance holds at most: fewer than are started, so that some wait in the queue.
const MOST_RUNS: &str = "60";

/// The instances, counted from 0.
#[derive(Debug)]
pub(crate) struct Fleet {
    instances: Vec<Instance>,
    /// The ids under which processes worked when they were killed.
    killed: BTreeSet<String>,
    token: Option<String>,
}

/// One instance over all its processes.
#[derive(Debug)]
struct Instance {
    proxy: Proxy,
    clock: Clock,
    options: ServerOptions,
    server: Option<Server>,
    /// What its earlier processes have logged.
    logged: String,
}

/// Where clients find the instances that take requests.
#[derive(Debug, Default)]
pub(crate) struct Doors(RwLock<Vec<Option<Client>>>);

impl Doors {
    /// Who asks this instance; `None` while it is not there.
    pub(crate) fn client(&self, instance: usize) -> Option<Client> {
        let doors = self.0.read().unwrap_or_else(PoisonError::into_inner);
        doors.get(instance).cloned().flatten()
    }

    fn set(&self, instance: usize, client: Option<Client>) {
        let mut doors = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if doors.len() <= instance {
            doors.resize(instance + 1, None);
        }
        doors[instance] = client;
    }
}

impl Fleet {
    /// So many instances on the database at `url`, all at work. `variables` are set for their processes.
    pub(crate) async fn start(count: usize, url: &str, variables: &[(String, String)]) -> Self {
        let mut instances = Vec::new();
        for _ in 0..count {
            let proxy = Proxy::start(url).await;
            let clock = Clock::right();
            let options = ServerOptions::new(env!("CARGO_BIN_EXE_gathering"))
                .database_url(&proxy.url())
                .allow_outbound("127.0.0.1")
                .env("GATHERING_INSTANCE_LEASE", &format!("{}s", LEASE.as_secs()))
                .env("GATHERING_MAX_RUNS_IN_MEMORY", MOST_RUNS)
                .env("GATHERING_SHUTDOWN_DEADLINE", "1s")
                .env("GATHERING_LOG_FORMAT", "json");
            let clock_variables = clock.variables().map(|(name, value)| (name.to_owned(), value));
            let options = variables
                .iter()
                .chain(&clock_variables)
                .fold(options, |options, (name, value)| options.env(name, value));
            instances.push(Instance {
                proxy,
                clock,
                options,
                server: None,
                logged: String::new(),
            });
        }
        Self {
            instances,
            killed: BTreeSet::new(),
            token: None,
        }
    }

    /// Registers somebody who then asks all instances.
    pub(crate) async fn open(&mut self, doors: &Doors) -> Client {
        for instance in 0..self.instances.len() {
            self.spawn(instance, doors).await;
        }
        let first = self.instances[0].server.as_ref();
        let server = first.unwrap_or_else(|| unreachable!("it was spawned just now"));
        let client = server.register_and_login("ada@example.org").await;
        self.token = client.token().map(str::to_owned);
        for (instance, of_fleet) in self.instances.iter().enumerate() {
            doors.set(instance, of_fleet.server.as_ref().map(|server| client.at(server)));
        }
        client
    }

    /// A new process, unless there is one.
    pub(crate) async fn spawn(&mut self, instance: usize, doors: &Doors) {
        let this = &mut self.instances[instance];
        if this.server.is_none() {
            let server = Server::spawn(&this.options).await;
            let client = self.token.as_ref().map(|token| server.client().with_token(token));
            doors.set(instance, client);
            this.server = Some(server);
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, instance: usize, doors: &Doors) {
        doors.set(instance, None);
        let this = &mut self.instances[instance];
        if let Some(mut server) = this.server.take() {
            server.kill9();
            self.killed.extend(ids(&server.log()).last());
            this.logged += &server.log();
        }
    }

    /// SIGTERM, and whether it ended as it should.
    pub(crate) async fn terminate(&mut self, instance: usize, doors: &Doors) -> Option<String> {
        let this = &mut self.instances[instance];
        let mut server = this.server.take()?;
        let status = server.terminate(END_LIMIT).await;
        doors.set(instance, None);
        this.logged += &server.log();
        (!status.success()).then(|| format!("instance {instance} ended with {status} after SIGTERM"))
    }

    pub(crate) fn pause(&self, instance: usize) {
        if let Some(server) = &self.instances[instance].server {
            server.pause();
        }
    }

    pub(crate) fn resume(&self, instance: usize) {
        if let Some(server) = &self.instances[instance].server {
            server.resume();
        }
    }

    /// Its line to the database.
    pub(crate) fn line(&self, instance: usize) -> &Proxy {
        &self.instances[instance].proxy
    }

    /// The instance whose present process works under this id.
    pub(crate) fn of_id(&self, id: &str) -> Option<usize> {
        let started = |instance: &Instance| {
            let log = instance.server.as_ref().map(Server::log).unwrap_or_default();
            ids(&log).any(|other| other == id)
        };
        self.instances.iter().position(started)
    }

    /// The ids under which processes worked when they were killed.
    pub(crate) fn killed(&self) -> &BTreeSet<String> {
        &self.killed
    }

    /// Its clock.
    pub(crate) fn clock(&self, instance: usize) -> &Clock {
        &self.instances[instance].clock
    }

    /// Those that have ended although nobody told them to, each in a sentence; they are started again by the next fault or at the end.
    pub(crate) fn fallen(&mut self, doors: &Doors) -> Vec<String> {
        let mut fallen = Vec::new();
        for (number, instance) in self.instances.iter_mut().enumerate() {
            let Some(server) = &mut instance.server else { continue };
            if let Some(status) = server.ended() {
                instance.logged += &server.log();
                instance.server = None;
                doors.set(number, None);
                fallen.push(format!("instance {number} ended by itself, with {status}"));
            }
        }
        fallen
    }

    /// Nothing is wrong any more.
    pub(crate) async fn heal(&mut self, doors: &Doors) {
        for instance in 0..self.instances.len() {
            self.line(instance).lose_answers(0);
            self.line(instance).speak();
            self.resume(instance);
            self.clock(instance).step(0);
            self.spawn(instance, doors).await;
        }
    }

    /// What each instance has logged, over all its processes.
    pub(crate) fn logs(&self) -> Vec<String> {
        let log = |instance: &Instance| {
            let present = instance.server.as_ref().map(Server::log).unwrap_or_default();
            format!("{}{present}", instance.logged)
        };
        self.instances.iter().map(log).collect()
    }
}

/// The ids under which a process has worked, as its log says: it gets a new one where it could not show that it lives.
fn ids(log: &str) -> impl Iterator<Item = String> {
    let lines = log.lines().filter(|line| line.contains("instance started"));
    lines.filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let id = line["instance_id"]
            .as_str()
            .or_else(|| line["fields"]["instance_id"].as_str());
        id.map(str::to_owned)
    })
}
