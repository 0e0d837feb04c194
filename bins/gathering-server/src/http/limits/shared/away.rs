//! The time in which Redis is away, as the log tells it: one line when it begins, and one when it is over.

use tokio::time::Instant;

use super::link::Trouble;

/// Since when.
#[derive(Debug)]
pub(super) struct Away(Instant);

impl Away {
    pub(super) fn begin(trouble: &Trouble) -> Self {
        tracing::warn!(
            error = trouble as &dyn std::error::Error,
            "the Redis of shared rate limits is away: this instance limits by itself until it is back"
        );
        Self(Instant::now())
    }

    pub(super) fn end(&self) {
        let away_s = (self.0.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        tracing::info!(
            away_s,
            "the Redis of shared rate limits is back: all instances limit together again"
        );
    }
}
