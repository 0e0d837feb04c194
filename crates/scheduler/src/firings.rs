//! Reading firings.

use gathering_domain::ScheduleId;
use gathering_persistence::firings::{self, FiringRow, FiringStatus};
use jiff::Timestamp;

use crate::{Error, Scheduler};

/// Which firings of a schedule are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct FiringQuery {
    /// Of one status only.
    pub status: Option<FiringStatus>,
    /// Only those that were due earlier: the [`FiringPage::next`] of the page before.
    pub before: Option<Timestamp>,
    /// At most this many.
    pub limit: u32,
}

/// Firings by their due times, the latest first.
#[derive(Debug, Clone)]
pub struct FiringPage {
    /// The firings.
    pub items: Vec<FiringRow>,
    /// What to ask for next; `None` on the last page.
    pub next: Option<Timestamp>,
}

impl Scheduler {
    /// The firings of a schedule, also of one that was deleted.
    pub async fn firings(&self, id: ScheduleId, query: FiringQuery) -> Result<FiringPage, Error> {
        let client = self.shared.connection().await?;
        let fetch = i64::from(query.limit) + 1;
        let mut items = firings::list(&client, id, query.status, (query.before, fetch)).await?;
        let more = items.len() > query.limit as usize;
        items.truncate(query.limit as usize);
        let next = items.last().filter(|_| more).map(|firing| firing.due_at);
        Ok(FiringPage { items, next })
    }

    /// The firing of one due time.
    pub async fn firing(&self, id: ScheduleId, due_at: Timestamp) -> Result<Option<FiringRow>, Error> {
        Ok(firings::get(&self.shared.connection().await?, id, due_at).await?)
    }
}
