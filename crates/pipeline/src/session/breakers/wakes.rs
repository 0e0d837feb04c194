//! Waking the runs that a breaker held, once it has closed, or may be probed earlier than they were told.

use std::time::Duration;

use gathering_domain::BreakerId;
use gathering_persistence::breakers;
use tokio::time::Instant;

use super::cache::Sooner;
use crate::session::Session;

/// The most runs that one statement wakes.
const MAX_WOKEN: i64 = 1_000;
/// For how long after it closed its runs are looked for: one that was just being put down is in the database a moment later.
const LOOKED_FOR: Duration = Duration::from_secs(5);
/// How often.
const INTERVAL: Duration = Duration::from_secs(1);

/// The breakers whose runs are to be woken.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    free: Vec<Free>,
    next: Option<Instant>,
}

#[derive(Debug)]
struct Free {
    id: BreakerId,
    /// When its runs are due; `None` for at once, because it closed.
    due: Option<Instant>,
    /// Until when they are looked for.
    until: Instant,
}

impl Wakes {
    /// Wakes the runs of these, for a while.
    pub(super) fn add(&mut self, free: &[Sooner]) {
        if free.is_empty() {
            return;
        }
        let until = Instant::now() + LOOKED_FOR;
        self.free.retain(|present| !free.iter().any(|new| new.id == present.id));
        let new = |Sooner { id, due }: &Sooner| Free {
            id: *id,
            due: *due,
            until,
        };
        self.free.extend(free.iter().map(new));
        self.next = Some(Instant::now());
    }

    /// Wakes, if it is time to. Should it fail, the runs come back by themselves at the time that they were told.
    pub(super) async fn ring(&mut self, session: &Session) {
        let now = Instant::now();
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let wait = |free: &Free| {
            free.due
                .map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
        };
        let free: Vec<_> = self.free.iter().map(|free| (free.id, wait(free))).collect();
        let woken = async {
            let client = session.shared.connection().await?;
            breakers::wake_held(&client, &free, MAX_WOKEN).await
        };
        match woken.await {
            Ok(0) => {}
            Ok(count) => {
                tracing::debug!(
                    runs = count,
                    "woke runs that a breaker holds no longer, or not for as long"
                );
                session.wake.notify_one();
                // What waits for one probe only need not come all at once.
                let one_closed = self.free.iter().any(|free| free.due.is_none());
                if one_closed && i64::try_from(count).is_ok_and(|count| count >= MAX_WOKEN) {
                    return;
                }
            }
            Err(error) => tracing::debug!(%error, "runs could not be woken; they are with the next try"),
        }
        self.free.retain(|free| free.until > now);
        self.next = Some(now + INTERVAL).filter(|_| !self.free.is_empty());
    }
}
