//! What is done now and then: weeks of firings are made ahead, and old ones dropped.

use std::time::Duration;

use gathering_persistence::{firings, schedule_keys};

use crate::{Error, Scheduler};

/// How often.
const INTERVAL: Duration = Duration::from_hours(1);
/// For how many weeks partitions are there beforehand.
const WEEKS_AHEAD: i32 = 5;
/// How long idempotency keys are kept.
const KEYS_KEPT: Duration = Duration::from_hours(24);
/// The most firings, or keys, that are forgotten in a statement.
const FORGOTTEN: i64 = 1_000;

impl Scheduler {
    pub(crate) async fn keep_up(self) {
        loop {
            if let Err(error) = self.look_after().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "weeks of firings could not be looked after; it is tried again in an hour"
                );
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// One step of what [`Scheduler::start`] does every hour: makes the partitions of the coming weeks, forgets idempotency keys that are a day old, and drops those whose firings are older than
    /// [`Limits::retention`](crate::Limits::retention). Gives how many weeks it dropped.
    pub async fn look_after(&self) -> Result<usize, Error> {
        let client = self.shared.connection().await?;
        let now = self.now(&client).await?;
        firings::ensure_weeks(&client, now, WEEKS_AHEAD).await?;
        let yesterday = now.checked_sub(KEYS_KEPT).unwrap_or(now);
        while schedule_keys::forget(&client, yesterday, FORGOTTEN).await? > 0 {}
        let horizon = self.shared.limits.retention.and_then(|kept| now.checked_sub(kept).ok());
        let Some(horizon) = horizon else {
            return Ok(0);
        };
        let dropped = firings::drop_weeks(&client, horizon).await?;
        while firings::forget(&client, horizon, FORGOTTEN).await? > 0 {}
        Ok(usize::try_from(dropped).unwrap_or(0))
    }
}
