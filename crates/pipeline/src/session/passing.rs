//! A run that this instance cannot go on with is passed on: back into the queue, for whoever can.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gathering_persistence::run_journal::{HeadChange, NewEntry};
use gathering_persistence::runs::ClaimedRun;

use super::Session;
use super::committer::Append;
use super::driver::Leave;
use super::holder::Claimed;
use super::recovery::Before;
use crate::Error;
use crate::entry::{TAKEN_OVER, taken_over};

impl Session {
    /// Gives the run back to the queue, and claims no more of its version for a while.
    ///
    /// That it was taken over from a dead instance is written down all the same, so that whoever goes on with it counts what died.
    pub(crate) async fn pass_on(
        &self,
        claimed: Claimed,
        timeout: Option<Duration>,
        reason: &str,
    ) -> Result<Leave, Error> {
        let (pipeline_id, version) = (claimed.run.pipeline_id, claimed.run.version);
        let now = self.shared.clock.now();
        if self.shared.excluded.add(pipeline_id, version, timeout, now) {
            tracing::warn!(%pipeline_id, version, reason, "this instance cannot run this version of a pipeline; its runs stay queued for others");
        }
        let entries = if claimed.before == Before::Nobody {
            Vec::new()
        } else {
            vec![self.taken_over(&claimed).await?]
        };
        let append = Append {
            run_id: claimed.run.id,
            epoch: claimed.run.epoch,
            entries,
            head: Some(queued(&claimed.run)),
        };
        let appended = self.committer.append(append).await;
        Ok(appended.map_or_else(Leave::Refused, |()| {
            self.passed_on.fetch_add(1, Ordering::AcqRel);
            Leave::Done
        }))
    }

    async fn taken_over(&self, claimed: &Claimed) -> Result<NewEntry, Error> {
        let run = &claimed.run;
        let last = if let Some(journal) = &claimed.journal {
            journal.last().map(|row| row.seq)
        } else {
            let client = self.shared.connection().await?;
            let journal = gathering_persistence::run_journal::of_runs(&client, &[run.id]).await?;
            journal.last().map(|row| row.seq)
        };
        Ok(NewEntry {
            run_id: run.id,
            seq: last.unwrap_or(0).saturating_add(1),
            epoch: run.epoch,
            at: self.shared.clock.now(),
            kind: TAKEN_OVER,
            node: None,
            data: Some(taken_over(self.instance, run.epoch)),
            with_head: true,
        })
    }
}

fn queued(run: &ClaimedRun) -> HeadChange {
    HeadChange {
        run_id: run.id,
        epoch: run.epoch,
        status: "queued",
        wait_ms: None,
        held_by: None,
        output: None,
        error: None,
        finished_at: None,
    }
}
