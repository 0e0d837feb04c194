//! What a run decides becomes entries, and these durable.

use gathering_domain::node_event::NodeEvent;
use gathering_domain::pipeline::NodeIx;
use gathering_persistence::run_journal::{HeadChange, NewEntry};
use jiff::Timestamp;

use super::Driver;
use crate::entry::{self, TAKEN_OVER};
use crate::session::committer::{Append, Refused};

/// An append of more bytes does not wait for what else could go with it.
const LARGE_APPEND: usize = 2 << 20;

impl Driver {
    pub(super) fn note(&mut self, node: NodeIx, event: &NodeEvent, at: Timestamp) {
        self.session.shared.counters.node(event);
        self.push(at, event.name(), Some(node), entry::encode(event));
    }

    pub(super) fn push(&mut self, at: Timestamp, kind: &'static str, node: Option<NodeIx>, data: Option<String>) {
        let number = i32::try_from(self.pending.len()).unwrap_or(i32::MAX).saturating_add(1);
        self.bytes += data.as_ref().map_or(0, String::len);
        self.pending.push(NewEntry {
            run_id: self.run.id,
            seq: self.seq.saturating_add(number),
            epoch: self.run.epoch,
            at,
            kind,
            node: node.map(|node| self.pipeline.nodes[node].id.clone()),
            data,
            with_head: false,
        });
    }

    /// Between the parts of a cascade: what must not be forgotten does not wait for its end, and single appends stay small, for the sake
    /// of those that share a commit with them.
    pub(super) async fn flush_if_it_should(&mut self) -> Result<(), Refused> {
        let bytes: usize = self
            .pending
            .iter()
            .map(|entry| entry.data.as_ref().map_or(0, String::len))
            .sum();
        if self.must_flush() || bytes > LARGE_APPEND {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// Whether something decided must not be forgotten in a crash: what an attempt came to, when a delay ends, that a node kills its
    /// process.
    pub(super) fn must_flush(&self) -> bool {
        let lasting = ["node_waiting", "node_quarantined", TAKEN_OVER];
        self.unsaved || self.pending.iter().any(|entry| lasting.contains(&entry.kind))
    }

    pub(super) async fn flush(&mut self) -> Result<(), Refused> {
        if self.pending.is_empty() {
            Ok(())
        } else {
            self.append(None).await
        }
    }

    pub(super) async fn append(&mut self, head: Option<HeadChange>) -> Result<(), Refused> {
        let mut entries = std::mem::take(&mut self.pending);
        self.unsaved = false;
        for entry in &mut entries {
            entry.with_head = head.is_some();
        }
        let count = i32::try_from(entries.len()).unwrap_or(i32::MAX);
        let append = Append {
            run_id: self.run.id,
            epoch: self.run.epoch,
            entries,
            head,
        };
        self.session.committer.append(append).await?;
        self.seq = self.seq.saturating_add(count);
        if let Some(watch) = &mut self.watch {
            watch.leave();
        }
        Ok(())
    }
}
