//! `cargo xtask verify schedules`: three real servers on a real, durable PostgreSQL, a receiver that writes down what it gets, and schedules of which
//! each due time must arrive exactly once: while servers are killed, after an hour in which none was there, and while the clock is set.
//!
//! A seed decides who is killed when and how the clock is set. How fast processes are it cannot decide, so a seed repeats the same story, not the same
//! interleaving.
//!
//! Exit codes: 0 everything was as promised, 1 otherwise, 2 wrong usage.
#![expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for people, which cannot go on without its servers"
)]

mod arguments;
#[expect(dead_code, reason = "not everything that a seed decides is decided here")]
#[path = "../faults/chance.rs"]
mod chance;
#[expect(dead_code, reason = "here no clock of an instance is compared with what it tells")]
#[path = "../faults/clock.rs"]
mod clock;
mod down;
mod fleet;
mod ground;
mod judge;
mod lateness;
mod outcome;
mod rows;
mod steps;
mod storm;

use std::process::ExitCode;

use clap::Parser as _;
use gathering_domain::Entropy as _;
use gathering_persistence::SystemEntropy;

use arguments::{Arguments, Part};
use outcome::Outcome;

/// Drawn seeds are below this, so that they can be read out.
const LARGEST_DRAWN: u32 = 1_000_000;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let seed = arguments.seed.unwrap_or_else(drawn);
    println!("the seed is {seed}; again: cargo xtask verify schedules --seed {seed}");
    let mut outcomes = Vec::new();
    for part in Part::ALL
        .into_iter()
        .filter(|part| arguments.only.is_none_or(|only| only == *part))
    {
        let outcome = runtime.block_on(async {
            match part {
                Part::Storm => storm::run(seed, &arguments).await,
                Part::Down => down::run().await,
                Part::Clock => steps::run(seed).await,
            }
        });
        outcome.tell(seed, arguments.keep);
        outcomes.push(outcome);
    }
    std::fs::remove_dir_all(ground::programs()).ok();
    println!("\n{}", outcome::table(&outcomes));
    if outcomes.iter().all(Outcome::is_sound) {
        println!("every due time came exactly once, or was told as its rules say");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn drawn() -> u64 {
    let mut bytes = [0; 4];
    SystemEntropy::default().fill(&mut bytes);
    u64::from(u32::from_le_bytes(bytes) % LARGEST_DRAWN)
}
