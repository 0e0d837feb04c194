//! `cargo xtask bench logins`: what others notice while 50 clients log in without pause. Requests for the health of a server and for a list, one after the
//! other, timed while nobody else asks and while they do, in turns; the figures are ratios of the two on the same machine.
//!
//! Exit codes: 0 within the limit, 1 beyond it, 2 wrong usage.
#![expect(
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a program for people that measures real time, and cannot go on without its server"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use gathering_testkit::{Client, Server, ServerOptions, TestDatabase};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::task::JoinSet;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask bench logins",
    about = "What others notice while 50 clients log in without pause"
)]
struct Arguments {
    /// How many requests of each kind in each turn
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(200..=100_000))]
    requests: u32,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// How many log in at once.
const CLIENTS: usize = 50;
/// How many turns, each idle and busy.
const TURNS: usize = 5;
/// How often a request is made: a client that waits for nobody would measure mostly itself.
const PACE: Duration = Duration::from_millis(2);
/// The most that the p99 may grow (issue "Identity and edge").
const LIMIT: f64 = 3.0;
/// Of everybody whom the testkit registers.
const PASSWORD: &str = "a password for the tests 7";

const PATHS: [(&str, &str); 2] = [("health", "/health/live"), ("list", "/api/v1/pipelines")];

/// The times of one kind of request.
#[derive(Debug, Default)]
struct Times {
    idle: Vec<Duration>,
    busy: Vec<Duration>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    if runtime.block_on(measure(arguments.requests)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Measures, prints, and says whether all is within the limit.
async fn measure(requests: u32) -> bool {
    let database = TestDatabase::new().await;
    let server =
        Server::spawn(&ServerOptions::new(env!("CARGO_BIN_EXE_gathering")).database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    // Each a user of their own: logins of one user wait for one another once they end the oldest of its sessions.
    for number in 0..CLIENTS {
        server.register_and_login(&one_of_the_crowd(number)).await;
    }
    let bar = ProgressBar::new(u64::from(requests) * TURNS as u64 * 4);
    let mut times: [Times; 2] = Default::default();
    let logins = Arc::new(AtomicU32::new(0));
    let mut busy_for = Duration::ZERO;
    for _ in 0..TURNS {
        for (kind, (_, path)) in PATHS.iter().enumerate() {
            times[kind].idle.extend(timed(&client, path, requests, &bar).await);
        }
        let (started, crowd) = (Instant::now(), Crowd::start(&server, &logins));
        for (kind, (_, path)) in PATHS.iter().enumerate() {
            times[kind].busy.extend(timed(&client, path, requests, &bar).await);
        }
        busy_for += started.elapsed();
        crowd.stop().await;
    }
    bar.finish_and_clear();
    let rate = f64::from(logins.load(Ordering::Relaxed)) / busy_for.as_secs_f64();
    println!("{CLIENTS} clients log in without pause, {rate:.0} logins/s");
    print(times)
}

/// Those who log in without pause.
struct Crowd {
    tasks: JoinSet<()>,
    over: Arc<AtomicBool>,
}

impl Crowd {
    fn start(server: &Server, logins: &Arc<AtomicU32>) -> Self {
        let (mut tasks, over) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        for number in 0..CLIENTS {
            let (client, over, logins) = (server.client(), over.clone(), logins.clone());
            tasks.spawn(async move {
                let login = json!({"email": one_of_the_crowd(number), "password": PASSWORD});
                while !over.load(Ordering::Relaxed) {
                    let answer = client.post("/api/v1/auth/login", &login).await;
                    assert_eq!(answer.status, 200, "{answer:?}");
                    logins.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { tasks, over }
    }

    async fn stop(mut self) {
        self.over.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
    }
}

fn one_of_the_crowd(number: usize) -> String {
    format!("user{number}@example.org")
}

async fn timed(client: &Client, path: &str, requests: u32, bar: &ProgressBar) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for _ in 0..requests {
        pace.tick().await;
        let started = Instant::now();
        let answer = client.get(path).await;
        times.push(started.elapsed());
        assert_eq!(answer.status, 200, "{answer:?}");
        bar.inc(1);
    }
    times
}

fn print(times: [Times; 2]) -> bool {
    println!(
        "{:<8}{:>12}{:>12}{:>12}{:>12}{:>8}  limit",
        "", "idle p50", "busy p50", "idle p99", "busy p99", "ratio"
    );
    let mut within = true;
    for ((name, _), Times { mut idle, mut busy }) in PATHS.iter().zip(times) {
        let [i50, b50] = [&mut idle, &mut busy].map(|times| percentile(times, 50));
        let [i99, b99] = [&mut idle, &mut busy].map(|times| percentile(times, 99));
        let ratio = b99 / i99;
        within &= ratio <= LIMIT;
        println!("{name:<8}{i50:>9.2} ms{b50:>9.2} ms{i99:>9.2} ms{b99:>9.2} ms{ratio:>8.2}  {LIMIT}");
    }
    within
}

/// In milliseconds.
fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let place = (times.len() * percent / 100).min(times.len() - 1);
    times[place].as_secs_f64() * 1e3
}
