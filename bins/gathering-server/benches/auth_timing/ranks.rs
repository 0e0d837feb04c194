//! Whether two samples of times come from one distribution, whatever that is.

use std::time::Duration;

/// The middle one.
pub(crate) fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// How far the ranks of the first sample are from what chance would make of them, in standard deviations: below 0 where it is the quicker one.
///
/// Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the other" (1947), with the normal
/// approximation, which holds for samples of twenty and more. Equal times share the mean of their ranks.
#[expect(clippy::cast_precision_loss, reason = "some thousands of samples fit an f64 exactly")]
pub(crate) fn mann_whitney(one: &[Duration], other: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> = one.iter().map(|time| (*time, true)).collect();
    all.extend(other.iter().map(|time| (*time, false)));
    all.sort_unstable();
    let mut sum = 0.0;
    let mut rank = 0;
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let mean = rank as f64 + (equal.len() + 1) as f64 / 2.0;
        sum += mean * equal.iter().filter(|(_, of_one)| *of_one).count() as f64;
        rank += equal.len();
    }
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = sum - n * (n + 1.0) / 2.0;
    (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}
