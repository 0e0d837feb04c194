//! What is to be verified.

use clap::Parser;
use gathering_persistence::Safety;

/// How many seeds `--prove` tries for each safety before it gives up.
pub(crate) const MOST_TRIES: u64 = 10;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask verify faults",
    about = "Seeded faults against real processes, and a history that must be sound"
)]
pub(crate) struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 20, value_name = "N")]
    seeds: u64,
    /// The first seed; the others follow it. Drawn if not given, and printed
    #[arg(long, value_name = "SEED")]
    from: Option<u64>,
    /// Repeat this one seed, and keep the logs of its instances
    #[arg(long, conflicts_with_all = ["seeds", "from"], value_name = "SEED")]
    seed: Option<u64>,
    /// Switch this safety off: then something must be found
    #[arg(long, value_name = "SAFETY", value_parser = safety)]
    pub(crate) without: Option<Safety>,
    /// Switch each safety off in turn, and succeed only if that is found each time
    #[arg(long, conflicts_with = "without")]
    pub(crate) prove: bool,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// The first seed and how many there are; `drawn` serves where none is named.
    pub(crate) fn seeds(&self, drawn: u64) -> (u64, u64) {
        match self.seed {
            Some(seed) => (seed, 1),
            None => (self.from.unwrap_or(drawn), self.seeds),
        }
    }
}

fn safety(name: &str) -> Result<Safety, String> {
    let found = Safety::ALL.into_iter().find(|safety| safety.name() == name);
    found.ok_or_else(|| format!("there are {}", Safety::ALL.map(Safety::name).join(", ")))
}
