//! `cargo xtask verify auth-timing`: whether the time of a refused login tells who has an account. It logs in to a real server over HTTP as
//! somebody unknown, with a wrong password, and as a disabled user, in turns, and compares the times by a rank test.
//!
//! With `--prove` also against a server that does not hash where nobody is known: that must be found.
//!
//! Exit codes: 0 no difference was found (and the one on purpose was), 1 otherwise, 2 wrong usage.
#![expect(
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a program for people that measures real time, and cannot go on without its server"
)]

mod ranks;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use gathering_domain::Entropy as _;
use gathering_persistence::{Safety, SystemEntropy};
use gathering_testkit::{Authenticator, Client, Server, ServerOptions, TestDatabase};
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde_json::json;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask verify auth-timing",
    about = "Whether the time of a refused login tells who has an account"
)]
struct Arguments {
    /// How many tries of each kind
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=100_000))]
    tries: u32,
    /// Also try a server that does not hash where nobody is known, and succeed only if that is found
    #[arg(long)]
    prove: bool,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// Tries before those that count: connections, statements and caches.
const WARM_UP: u32 = 20;
/// Two-sided, p = 0.001 of the normal distribution. Of three comparisons without any difference, one run in 333 finds one.
const LARGEST_Z: f64 = 3.29;

/// Of everybody whom the testkit registers.
const PASSWORD: &str = "a password for the tests 7";

const KINDS: [&str; 3] = ["unknown", "wrong password", "disabled"];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.prove && cfg!(not(feature = "without-safeties")) {
        eprintln!("this build always hashes: use `cargo xtask verify auth-timing --prove`");
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let done = runtime.block_on(async {
        let even = !differ(arguments.tries, None).await;
        let found = !arguments.prove || differ(arguments.tries.min(200), Some(Safety::DecoyHash)).await;
        even && found
    });
    println!("{}", if done { "as it should be" } else { "NOT as it should be" });
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures, prints, and says whether a difference was found.
async fn differ(tries: u32, without: Option<Safety>) -> bool {
    let database = TestDatabase::new().await;
    let mut options = ServerOptions::new(env!("CARGO_BIN_EXE_gathering")).database_url(&database.url());
    if let Some(safety) = without {
        options = options.env("WITHOUT_SAFETY", safety.name());
    }
    let server = Server::spawn(&options).await;
    let client = server.client();
    prepare(&server, &database).await;
    let bar = ProgressBar::new(u64::from(tries) * 3);
    let mut times: [Vec<Duration>; 3] = Default::default();
    for round in 0..tries + WARM_UP {
        for kind in shuffled() {
            let took = refused(&client, kind, round).await;
            if round >= WARM_UP {
                times[kind].push(took);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    report(&times, without)
}

/// One user who may come in, and one who may not, both with a second factor.
async fn prepare(server: &Server, database: &TestDatabase) {
    for email in ["known-00000@example.org", "leave-00000@example.org"] {
        let client = server.register_and_login(email).await;
        secure(&client).await;
    }
    let sql = "UPDATE users SET disabled_at = created_at WHERE email_key = 'leave-00000@example.org'";
    let connection = database.pool().await.get().await;
    let connection = connection.unwrap_or_else(|error| panic!("no connection: {error}"));
    let done = connection.batch_execute(sql).await;
    done.unwrap_or_else(|error| panic!("nobody was disabled: {error}"));
}

/// Turns a second factor on.
async fn secure(client: &Client) {
    let begun = client
        .post("/api/v1/auth/totp", &json!({ "current_password": PASSWORD }))
        .await;
    let app = Authenticator::new(begun.json["secret"].as_str().unwrap_or_default());
    let confirm = json!({ "totp": app.code(Timestamp::now()) });
    let confirmed = client.post("/api/v1/auth/totp/confirm", &confirm).await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
}

async fn refused(client: &Client, kind: usize, round: u32) -> Duration {
    // All of one length, so that every request has as many bytes.
    let email = match kind {
        0 => format!("nobod-{round:05}@example.org"),
        1 => "known-00000@example.org".to_owned(),
        _ => "leave-00000@example.org".to_owned(),
    };
    // Whoever is disabled knows the password, which is the more delicate case.
    let password = if kind == 2 {
        PASSWORD
    } else {
        "not the password of these."
    };
    // Every other time with a code, which must make no difference to anybody who lacks the password.
    let mut body = json!({"email": email, "password": password});
    if round.is_multiple_of(2) {
        body["totp"] = "123456".into();
    }
    let begun = Instant::now();
    let answer = client.post("/api/v1/auth/login", &body).await;
    let took = begun.elapsed();
    assert_eq!(answer.status, 401, "{answer:?}");
    took
}

/// The three kinds in an order of chance.
fn shuffled() -> [usize; 3] {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let mut byte = [0];
    SystemEntropy::default().fill(&mut byte);
    ORDERS[usize::from(byte[0]) % ORDERS.len()]
}

fn report(times: &[Vec<Duration>; 3], without: Option<Safety>) -> bool {
    let what = without.map_or(
        "the server as it is",
        |_| "a server that hashes for known addresses only",
    );
    println!("{what}, {} tries each", times[0].len());
    for (kind, times) in KINDS.iter().zip(times) {
        println!(
            "  {kind:<16} median {:>9.3} ms",
            ranks::median(times).as_secs_f64() * 1e3
        );
    }
    let mut found = false;
    for (one, other) in [(0, 1), (2, 1), (0, 2)] {
        let z = ranks::mann_whitney(&times[one], &times[other]);
        let differs = z.abs() > LARGEST_Z;
        found |= differs;
        let verdict = if differs { "differ" } else { "no difference" };
        println!(
            "  {:<16} and {:<16} z = {z:>7.2}, at most {LARGEST_Z} wanted: {verdict}",
            KINDS[one], KINDS[other]
        );
    }
    found
}
