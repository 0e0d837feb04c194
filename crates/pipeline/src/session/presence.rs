//! Shows the others that this instance lives: a heartbeat, and an advisory lock that ends with its connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gathering_domain::InstanceId;
use gathering_persistence::{Connection, Error, cancellations, instances, node_decisions};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Session;
use super::decisions::NodeDecision;
use crate::shared::Shared;

/// Since when the database was seen without a break.
#[derive(Debug, Clone)]
pub(crate) struct Steady(Arc<Mutex<Instant>>);

impl Steady {
    /// For how long.
    pub(crate) fn lasts(&self) -> Duration {
        self.0.lock().map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn broken(&self) {
        if let Ok(mut since) = self.0.lock() {
            *since = Instant::now();
        }
    }
}

/// The registration of an instance.
#[derive(Debug)]
pub(crate) struct Presence {
    instance: InstanceId,
    pub(crate) steady: Steady,
    started_at: Timestamp,
    /// Holds the advisory lock.
    connection: Option<Connection>,
}

impl Presence {
    /// Takes the lock and writes the first heartbeat.
    pub(crate) async fn register(shared: &Shared, instance: InstanceId) -> Result<Self, Error> {
        let steady = Steady(Arc::new(Mutex::new(Instant::now())));
        let mut presence = Self {
            instance,
            steady,
            started_at: shared.clock.now(),
            connection: None,
        };
        presence.beat(shared).await?;
        Ok(presence)
    }

    /// Beats for as long as that works; returns once the others may think this instance dead.
    pub(crate) async fn keep(&mut self, session: &Session) {
        let (shared, limits) = (&session.shared, &session.shared.limits);
        let mut last = Instant::now();
        loop {
            tokio::time::sleep(limits.heartbeat_interval).await;
            // A process that was paused for so long may find the database at its first try, but its runs with others.
            if last.elapsed() > limits.lease {
                return;
            }
            let beat = tokio::time::timeout(limits.grace / 2, self.tick(session, shared)).await;
            match beat {
                Ok(Ok(())) => last = Instant::now(),
                Ok(Err(error)) => self.lost(&error.to_string()),
                // A late answer is no lost lock: the connection that holds it is given up only when half the lease is over.
                Err(_) if last.elapsed() > limits.lease / 2 => self.lost("no answer in time"),
                Err(_) => tracing::warn!(instance_id = %self.instance, "the heartbeat is late"),
            }
            if self.must_stop(last.elapsed(), limits.grace, limits.lease) {
                return;
            }
        }
    }

    /// Beats, stops what was cancelled elsewhere, and hands on what was decided there.
    async fn tick(&mut self, session: &Session, shared: &Shared) -> Result<(), Error> {
        self.beat(shared).await?;
        let Some(connection) = &self.connection else {
            return Ok(());
        };
        for run in cancellations::take(connection, self.instance).await? {
            session.held.stop(run);
        }
        for row in node_decisions::take(connection, self.instance).await? {
            let run = row.run_id;
            // One that cannot be read, or whose run has left the memory, is asked for again by whoever waits for it.
            if let Some(decision) = NodeDecision::read(row) {
                session.held.decide(run, decision);
            }
        }
        Ok(())
    }

    /// Forgets the instance: it left in good order.
    pub(crate) async fn leave(mut self) {
        if let Some(connection) = self.connection.take() {
            if let Err(error) = instances::forget(&connection, &[self.instance]).await {
                tracing::debug!(%error, "the instance's row stays until others find it dead");
            }
            drop(Connection::take(connection));
        }
    }

    /// Without the lock the others wait only for the grace; with it, for the lease.
    fn must_stop(&self, silent: Duration, grace: Duration, lease: Duration) -> bool {
        silent > if self.connection.is_none() { grace } else { lease }
    }

    fn lost(&mut self, reason: &str) {
        tracing::warn!(instance_id = %self.instance, reason, "the heartbeat failed; it is tried again");
        self.steady.broken();
        if let Some(connection) = self.connection.take() {
            drop(Connection::take(connection));
        }
    }

    async fn beat(&mut self, shared: &Shared) -> Result<(), Error> {
        if self.connection.is_none() {
            let connection = shared.pool.get().await?;
            if !instances::lock(&connection, self.instance).await? {
                return Err(Error::Unavailable(
                    ": the lock of this instance is still held by its lost connection".to_owned(),
                ));
            }
            self.connection = Some(connection);
        }
        match &self.connection {
            Some(connection) => instances::beat(connection, self.instance, &shared.name, self.started_at).await,
            None => Ok(()),
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // The lock is the session's: such a connection must not go back to the pool.
        if let Some(connection) = self.connection.take() {
            drop(Connection::take(connection));
        }
    }
}
