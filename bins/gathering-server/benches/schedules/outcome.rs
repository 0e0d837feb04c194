//! What people read: what is wrong with a part, and one table at the end.

use std::path::{Path, PathBuf};

use crate::arguments::Part;
use crate::lateness::Lateness;

/// How many things are told that are wrong.
const MOST_TOLD: usize = 20;

/// What became of a part.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) part: Part,
    pub(crate) schedules: usize,
    /// Due times that fired.
    pub(crate) firings: usize,
    /// Due times that were told as missed.
    pub(crate) missed: u64,
    /// Requests that came again, under the key of an earlier one.
    pub(crate) repeats: usize,
    pub(crate) kills: usize,
    /// Where the clocks of those who are compared are the same.
    pub(crate) lateness: Option<Lateness>,
    /// Each in a sentence.
    pub(crate) wrong: Vec<String>,
    pub(crate) logs: Vec<String>,
}

impl Outcome {
    /// Whether everything was as promised.
    pub(crate) fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }

    /// Says what is wrong, if anything is, and where the logs are, if they are kept.
    pub(crate) fn tell(&self, seed: u64, keep: bool) {
        let name = self.part.name();
        if !self.is_sound() {
            println!("{name}: {} things are wrong", self.wrong.len());
            for sentence in self.wrong.iter().take(MOST_TOLD) {
                println!("  {sentence}");
            }
            println!("again: cargo xtask verify schedules --seed {seed} --only {name}");
        }
        if keep || !self.is_sound() {
            match self.keep_logs(seed) {
                Ok(dir) => println!("the logs of the servers are in {}", dir.display()),
                Err(error) => println!("the logs of the servers could not be kept: {error}"),
            }
        }
    }

    fn keep_logs(&self, seed: u64) -> std::io::Result<PathBuf> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("schedules-{seed}-{}", self.part.name()));
        std::fs::create_dir_all(&dir)?;
        for (instance, log) in self.logs.iter().enumerate() {
            std::fs::write(dir.join(format!("instance-{instance}.log")), log)?;
        }
        Ok(dir)
    }

    fn line(&self) -> String {
        let late = |of: fn(&Lateness) -> i64| {
            self.lateness
                .as_ref()
                .map_or_else(|| "-".to_owned(), |late| of(late).to_string())
        };
        format!(
            "{:<6} {:>9} {:>8} {:>7} {:>8} {:>6} {:>10} {:>10} {:>10} {:>16} {:>6}",
            self.part.name(),
            self.schedules,
            self.firings,
            self.missed,
            self.repeats,
            self.kills,
            late(|late| late.median),
            late(|late| late.p99),
            late(|late| late.worst),
            late(|late| late.worst_in_peace),
            self.wrong.len()
        )
    }
}

/// All parts; times in milliseconds, from the due time until the receiver has the request.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let header =
        "part   schedules  firings  missed  repeats  kills  median ms     p99 ms   worst ms  worst ms, peace  wrong";
    let lines = outcomes.iter().map(Outcome::line);
    std::iter::once(header.to_owned())
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}
