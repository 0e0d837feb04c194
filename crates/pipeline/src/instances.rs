//! Which instances work on the database.

use std::time::Duration;

use gathering_domain::InstanceId;
use gathering_persistence::{Page, PageRequest, instances};
use jiff::Timestamp;

use crate::{Engine, Error};

/// An instance: one working engine, from its start, or its return after it was fenced, to its end.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// Its id.
    pub id: InstanceId,
    /// Its name for people; several may have the same.
    pub name: String,
    /// Since when it works.
    pub started_at: Timestamp,
    /// How long ago it last showed that it lives. Older than [`Limits::lease`](crate::Limits::lease): it is gone, and its runs are being
    /// taken over.
    pub heartbeat_age: Duration,
    /// How many runs it has in memory.
    pub runs: u64,
}

impl Engine {
    /// The instances that work on the database, or did until a moment ago, the youngest first.
    pub async fn instances(&self, page: PageRequest) -> Result<Page<InstanceView>, Error> {
        let client = self.shared.connection().await?;
        let Page { items, next } = instances::list(&client, page).await?;
        Ok(Page {
            items: items.into_iter().map(InstanceView::from).collect(),
            next,
        })
    }
}

impl From<instances::InstanceRow> for InstanceView {
    fn from(row: instances::InstanceRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            started_at: row.started_at,
            heartbeat_age: Duration::from_millis(row.heartbeat_age_ms.unsigned_abs()),
            runs: row.runs.unsigned_abs(),
        }
    }
}
