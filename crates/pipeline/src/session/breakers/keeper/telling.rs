//! What the log says of breakers that change: each at once, and one that keeps changing not too often.

use std::collections::HashMap;
use std::time::Duration;

use gathering_domain::BreakerId;
use gathering_persistence::breakers::{BreakerRow, BreakerWrite, StatusChange};
use tokio::time::Instant;

use crate::breakers::tell;

/// How often one breaker is told of.
const INTERVAL: Duration = Duration::from_secs(10);
/// Of how many breakers the log tells within that time; the others are counted.
const MAX_TOLD: usize = 100;

/// What was told of late.
#[derive(Debug, Default)]
pub(super) struct Telling {
    breakers: HashMap<BreakerId, Told>,
    /// Changes of breakers for which there was no room, and when that is told.
    others: u32,
    next: Option<Instant>,
    full_at: Option<Instant>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    /// What was not told since, and the last of it.
    since: u32,
    last: Option<(BreakerRow, StatusChange)>,
}

impl Telling {
    /// Tells of a breaker that changed, now or later.
    pub(super) fn changed(&mut self, write: &BreakerWrite, now: Instant) {
        let Some(change) = write.changes.last() else { return };
        let count = u32::try_from(write.changes.len()).unwrap_or(u32::MAX);
        self.next.get_or_insert(now + INTERVAL);
        let is_full = self.breakers.len() >= MAX_TOLD;
        if let Some(told) = self.breakers.get_mut(&write.row.id) {
            told.since = told.since.saturating_add(count);
            told.last = Some((write.row.clone(), *change));
        } else if is_full {
            self.others = self.others.saturating_add(count);
        } else {
            tell(&write.row, change, count);
            let told = Told {
                at: now,
                since: 0,
                last: None,
            };
            self.breakers.insert(write.row.id, told);
        }
    }

    /// Tells that a project has no room for further breakers.
    pub(super) fn is_full(&mut self, now: Instant) {
        if self
            .full_at
            .is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL)
        {
            self.full_at = Some(now);
            tracing::warn!("a project has more open breakers than there is room for; further ones are not counted");
        }
    }

    /// Tells what has waited for long enough.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let is_due = |told: &Told| now.saturating_duration_since(told.at) >= INTERVAL;
        for told in self.breakers.values_mut().filter(|told| is_due(told)) {
            if let Some((row, change)) = told.last.take() {
                tell(&row, &change, told.since);
                (told.at, told.since) = (now, 0);
            }
        }
        self.breakers.retain(|_, told| !is_due(told));
        if self.others > 0 {
            tracing::warn!(changes = self.others, "more circuit breakers changed than are told of");
            self.others = 0;
        }
        self.next = self.breakers.values().map(|told| told.at + INTERVAL).min();
    }
}

#[cfg(test)]
mod tests {
    use gathering_domain::ProjectId;
    use gathering_domain::breaker::{BreakerState, BreakerStatus};
    use gathering_persistence::breakers::BreakerKey;
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn write(id: u128) -> BreakerWrite {
        let row = BreakerRow {
            id: BreakerId::from(Uuid::from_u128(id)),
            key: BreakerKey {
                project_id: ProjectId::from(Uuid::nil()),
                key: "name:payments".to_owned(),
            },
            state: BreakerState::default(),
            version: 1,
            rules: None,
            window: Duration::from_secs(1),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            now: Timestamp::UNIX_EPOCH,
        };
        let change = StatusChange {
            reason: "reset",
            from: BreakerStatus::Open,
            to: BreakerStatus::Closed,
            open_until: None,
        };
        BreakerWrite {
            row,
            changes: vec![change],
        }
    }

    #[test]
    fn a_breaker_that_keeps_changing_is_told_of_once_in_ten_seconds_and_then_forgotten() {
        let (mut telling, start) = (Telling::default(), Instant::now());
        let mut since = Vec::new();
        for second in 0..25 {
            let now = start + Duration::from_secs(second);
            telling.tick(now);
            telling.changed(&write(1), now);
            since.push(telling.breakers.values().next().map_or(0, |told| told.since));
        }
        assert_eq!((since[9], since[10], since[19], since[20]), (9, 1, 10, 1));
        for second in [30, 40] {
            telling.tick(start + Duration::from_secs(second));
        }
        assert!(telling.breakers.is_empty() && telling.next.is_none());
    }

    #[test]
    fn a_flood_of_breakers_is_counted_and_not_kept() {
        let (mut telling, start) = (Telling::default(), Instant::now());
        for id in 0..1_000 {
            telling.changed(&write(id), start);
        }
        assert_eq!((telling.breakers.len(), telling.others), (MAX_TOLD, 900));
        telling.tick(start + INTERVAL);
        assert_eq!((telling.breakers.len(), telling.others), (0, 0));
    }
}
