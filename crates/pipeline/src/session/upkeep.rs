//! Looks after the partitions: makes weeks ahead, forgets old ones; and forgets circuit breakers that nobody uses, and the keys of pipelines.

use std::sync::Arc;
use std::time::Duration;

use gathering_persistence::{breakers, partitions, pipeline_keys};
use jiff::SignedDuration;
use tokio::time::{Instant, MissedTickBehavior};

use super::Session;
use crate::error::chain;
use crate::retention;

/// How often.
const INTERVAL: Duration = Duration::from_hours(1);
/// When first: a restart has more urgent things to do.
const FIRST: Duration = Duration::from_mins(1);
/// The most circuit breakers that are forgotten at once.
const MAX_FORGOTTEN: i64 = 10_000;
/// How long the key of a pipeline is known.
const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// How often the log repeats that a week is kept.
const TELL_INTERVAL: Duration = Duration::from_hours(24);

/// Works until dropped.
pub(super) async fn run(session: Arc<Session>) {
    let mut ticks = tokio::time::interval_at(Instant::now() + FIRST, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        ticks.tick().await;
        session.make_partitions().await;
        session.forget_breakers().await;
        session.forget_keys().await;
        if let Some(limit) = session.shared.limits.retention {
            session.forget(limit, &mut told).await;
        }
    }
}

impl Session {
    async fn make_partitions(&self) {
        let made = async {
            let client = self.shared.connection().await?;
            partitions::ensure(&client, self.shared.clock.now()).await
        };
        match made.await {
            Ok(Some(0)) => {}
            Ok(Some(made)) => tracing::info!(made, "made partitions ahead"),
            Ok(None) => tracing::warn!(
                "somebody reads the tables of runs, so weeks are not made ahead now; it is tried again within the hour"
            ),
            Err(error) => tracing::error!(%error, "partitions could not be made; it is tried again within the hour"),
        }
    }

    async fn forget_breakers(&self) {
        let forgotten = async {
            let client = self.shared.connection().await?;
            breakers::forget_unused(&client, MAX_FORGOTTEN).await
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "unused circuit breakers could not be forgotten; it is tried again within the hour");
        }
    }

    /// Until one statement finds less than it might.
    async fn forget_keys(&self) {
        let forgotten = async {
            let before = self.shared.clock.now().saturating_sub(KEY_LIFETIME).unwrap_or_default();
            let client = self.shared.connection().await?;
            while pipeline_keys::forget(&client, before, MAX_FORGOTTEN).await? >= MAX_FORGOTTEN.unsigned_abs() {}
            Ok::<_, gathering_persistence::Error>(())
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "old keys of pipelines could not be forgotten; it is tried again within the hour");
        }
    }

    async fn forget(&self, limit: Duration, told: &mut Option<Instant>) {
        let forgotten = match retention::pass(&self.shared, limit, true).await {
            Ok(forgotten) => forgotten,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "old history could not be forgotten; it is tried again within the hour");
                return;
            }
        };
        let tell = told.is_none_or(|told| told.elapsed() >= TELL_INTERVAL);
        for week in &forgotten.weeks {
            let (monday, bytes, moved) = (week.monday, week.bytes, week.moved);
            match &week.kept {
                None => tracing::info!(week = %monday, bytes, moved, "forgot a week of runs"),
                Some(reason) if tell => {
                    tracing::warn!(week = %monday, bytes, reason, "a week of runs is older than the retention and stays");
                    *told = Some(Instant::now());
                }
                Some(_) => {}
            }
        }
        if forgotten.runs > 0 || forgotten.keys > 0 {
            tracing::info!(
                runs = forgotten.runs,
                keys = forgotten.keys,
                "forgot runs that had outlived their week, and idempotency keys"
            );
        }
    }
}
