//! Waking the runs that a breaker held, once it has closed.

use std::time::Duration;

use gathering_domain::BreakerId;
use gathering_persistence::breakers;
use tokio::time::Instant;

use crate::session::Session;

/// The most runs that one statement wakes.
const MAX_WOKEN: i64 = 1_000;
/// For how long after it closed its runs are looked for: one that was just being put down is in the database a moment later.
const LOOKED_FOR: Duration = Duration::from_secs(5);
/// How often.
const INTERVAL: Duration = Duration::from_secs(1);

/// The breakers whose runs are to be woken, and until when they are looked for.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    closed: Vec<(BreakerId, Instant)>,
    next: Option<Instant>,
}

impl Wakes {
    /// Wakes all runs of these, for a while: they closed.
    pub(super) fn closed(&mut self, ids: &[BreakerId]) {
        self.add(ids, Instant::now() + LOOKED_FOR);
    }

    /// Wakes the runs of these once: the right to probe is free earlier than they were told.
    pub(super) fn free(&mut self, ids: &[BreakerId]) {
        self.add(ids, Instant::now());
    }

    fn add(&mut self, ids: &[BreakerId], until: Instant) {
        if ids.is_empty() {
            return;
        }
        self.closed.retain(|(id, _)| !ids.contains(id));
        self.closed.extend(ids.iter().map(|id| (*id, until)));
        self.next = Some(Instant::now());
    }

    /// Wakes, if it is time to. Should it fail, the runs come back by themselves at the time that they were told.
    pub(super) async fn ring(&mut self, session: &Session) {
        let now = Instant::now();
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let ids: Vec<_> = self.closed.iter().map(|(id, _)| *id).collect();
        let woken = async {
            let client = session.shared.connection().await?;
            breakers::wake_held(&client, &ids, MAX_WOKEN).await
        };
        match woken.await {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(runs = count, "woke runs whose breaker has closed");
                session.wake.notify_one();
                if i64::try_from(count).is_ok_and(|count| count >= MAX_WOKEN) {
                    return;
                }
            }
            Err(error) => tracing::debug!(%error, "runs could not be woken; they are with the next try"),
        }
        self.closed.retain(|(_, until)| *until > now);
        self.next = Some(now + INTERVAL).filter(|_| !self.closed.is_empty());
    }
}
