//! When simulated attempts end: by a seed, or as they did in another run.

use std::collections::HashMap;

use gathering_domain::pipeline::NodeIx;
use jiff::{SignedDuration, Timestamp};

/// When every simulated run starts.
pub(crate) const START: Timestamp = Timestamp::UNIX_EPOCH;

/// How long attempts take.
#[derive(Debug, Clone)]
pub(crate) enum Timing {
    /// From 50 ms to 1 s, in steps, so that some end together.
    Seeded(u64),
    /// All take as long as this.
    Same(SignedDuration),
    /// Each ends at a time of its own: as many milliseconds after its start as its node has before it.
    Staggered,
    /// They end when they ended in another run, although they may start later.
    Recorded(HashMap<(NodeIx, u32), Timestamp>),
}

impl Timing {
    /// When an attempt that starts now ends.
    pub(crate) fn end(&self, now: Timestamp, node: NodeIx, number: u32) -> Timestamp {
        match self {
            Self::Seeded(seed) => {
                let steps = 1 + mix(seed ^ mix(key(node, number))) % 20;
                now + SignedDuration::from_millis(50) * i32::try_from(steps).expect("at most 20")
            }
            Self::Same(duration) => now + *duration,
            Self::Staggered => now + SignedDuration::from_millis(i64::try_from(node).expect("few nodes")),
            Self::Recorded(ends) => *ends.get(&(node, number)).expect("the other run made this attempt too"),
        }
    }
}

/// What spreads the retry after an attempt: the same in every run of a case.
pub(crate) fn chance(node: NodeIx, number: u32) -> f64 {
    f64::from(u32::try_from(mix(key(node, number)) >> 32).expect("32 bits")) / 2_f64.powi(32)
}

fn key(node: NodeIx, number: u32) -> u64 {
    (u64::from(number) << 32) | u64::try_from(node).expect("few nodes")
}

/// Spreads the bits of a number (the finalizer of `SplitMix64`).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
