//! What is to be verified.

use clap::{Parser, ValueEnum};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask verify schedules",
    about = "Schedules whose servers are killed, away for an hour, and misled by the clock: each due time exactly once"
)]
pub(crate) struct Arguments {
    /// Who is killed when, and how the clock is set. Drawn if not given, and printed
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,
    /// How many schedules are due each second of the storm
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) schedules: u32,
    /// How long the storm lasts
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=3_600))]
    pub(crate) seconds: u32,
    /// This part alone
    #[arg(long, value_name = "PART")]
    pub(crate) only: Option<Part>,
    /// Keep the logs of the servers also where nothing is wrong
    #[arg(long)]
    pub(crate) keep: bool,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// One of the things that are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Many due each second, and a server killed every five
    Storm,
    /// No server for an hour
    Down,
    /// The database's clock is set forward and back
    Clock,
}

impl Part {
    /// In the order in which they are tried.
    pub(crate) const ALL: [Self; 3] = [Self::Storm, Self::Down, Self::Clock];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Storm => "storm",
            Self::Down => "down",
            Self::Clock => "clock",
        }
    }
}
