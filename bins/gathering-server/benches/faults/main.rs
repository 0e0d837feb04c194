//! `cargo xtask verify faults`: real processes on a real PostgreSQL, load over HTTP, and a schedule of faults for each seed; when everything
//! has come to rest, the journals, the heads, what receivers got and what clients were told must agree.
//!
//! A seed decides the faults, their order and their times, and what the clients do. How fast processes are it cannot decide, so a seed
//! repeats the same story, not the same interleaving.
//!
//! Exit codes: 0 nothing was found (with a safety switched off: it was found), 1 otherwise, 2 wrong usage.
#![expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for people, which cannot go on without its instances"
)]

mod arguments;
mod chance;
mod clock;
mod course;
mod deaths;
mod fleet;
mod inject;
mod load;
mod pace;
mod pipelines;
mod report;
mod schedule;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use gathering_domain::Entropy as _;
use gathering_persistence::{Safety, SystemEntropy};

use arguments::{Arguments, MOST_TRIES};
use course::Outcome;

/// Drawn seeds are below this, so that they can be read out.
const LARGEST_DRAWN: u32 = 1_000_000;

/// What there must be of the pace before the faults when they are over, in the median of all seeds.
const LEAST_PACE: f64 = 0.95;

/// Of fewer seeds the median is told and not judged: each by itself is as noisy as the machine.
const FEWEST_JUDGED: usize = 5;

/// Who takes longer than this to come to rest is worth a look at the logs.
const LONG_REST: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if cfg!(not(feature = "without-safeties")) && (arguments.prove || arguments.without.is_some()) {
        eprintln!(
            "this build has every safety and cannot switch one off: use `cargo xtask verify faults --prove` or `--without`"
        );
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let (from, count) = arguments.seeds(drawn());
    let done = runtime.block_on(async {
        match (arguments.prove, arguments.without) {
            (true, _) => prove(from).await,
            (false, Some(safety)) => finds(safety, from, count).await,
            (false, None) => is_sound(from, count).await,
        }
    });
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the seeds; `true` where nothing is wrong with any.
async fn is_sound(from: u64, count: u64) -> bool {
    println!(
        "{count} seeds from {from}; one of them again: {}",
        report::again(from, None)
    );
    println!("{}", report::HEADER);
    let mut wrong = 0;
    let mut paces = Vec::new();
    for seed in seeds(from, count) {
        let outcome = course::run(seed, &[]).await;
        println!("{}", report::line(&outcome));
        paces.push(outcome.pace());
        if !outcome.is_sound() {
            wrong += 1;
            println!("{}\n", report::wrong(&outcome, None));
        } else if count == 1 || outcome.rest > LONG_REST {
            println!("{}", report::logs(&outcome));
        }
    }
    println!(
        "{}",
        if wrong == 0 {
            "nothing was lost, doubled or untrue".to_owned()
        } else {
            format!("{wrong} of {count} seeds went wrong")
        }
    );
    keeps_its_pace(paces) && wrong == 0
}

/// Whether the instances are as fast after the faults as before.
fn keeps_its_pace(paces: Vec<f64>) -> bool {
    let count = paces.len();
    let Some(median) = pace::median(paces) else { return true };
    println!(
        "afterwards {median:.2} × as fast as before, in the median of {count} seeds; {LEAST_PACE} are wanted, of {FEWEST_JUDGED} seeds or more"
    );
    count < FEWEST_JUDGED || median >= LEAST_PACE
}

/// Switches each safety off in turn; `true` where that was found each time.
async fn prove(from: u64) -> bool {
    let mut missed = Vec::new();
    for safety in Safety::ALL {
        if !finds(safety, from, MOST_TRIES).await {
            missed.push(safety.name());
        }
    }
    if missed.is_empty() {
        println!("the verification finds each missing safety");
    } else {
        println!("not found: that {} was missing", missed.join(", "));
    }
    missed.is_empty()
}

/// Runs seeds without a safety until something is found.
async fn finds(safety: Safety, from: u64, most: u64) -> bool {
    let name = safety.name();
    println!("without {name}: at most {most} seeds from {from}\n{}", report::HEADER);
    let variables = [("WITHOUT_SAFETY".to_owned(), name.to_owned())];
    for seed in seeds(from, most) {
        let outcome = course::run(seed, &variables).await;
        println!("{}", report::line(&outcome));
        if !outcome.violations.is_empty() {
            println!("{}", found(&outcome, name));
            return true;
        }
    }
    println!("nothing was found in {most} seeds, although {name} was off\n");
    false
}

fn found(outcome: &Outcome, name: &str) -> String {
    let first = outcome.violations.first().map(ToString::to_string).unwrap_or_default();
    let more = outcome.violations.len().saturating_sub(1);
    let again = report::again(outcome.seed, Some(name));
    format!("found: {first} (and {more} more); again: {again}\n")
}

fn seeds(from: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |number| from.wrapping_add(number))
}

fn drawn() -> u64 {
    let mut bytes = [0; 4];
    SystemEntropy::default().fill(&mut bytes);
    u64::from(u32::from_le_bytes(bytes) % LARGEST_DRAWN)
}
