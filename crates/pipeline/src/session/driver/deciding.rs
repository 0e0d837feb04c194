//! What somebody decided about a node in quarantine, while its run is in memory.

use super::Driver;
use crate::entry;
use crate::session::committer::Refused;
use crate::session::decisions::NodeDecision;

impl Driver {
    /// Makes decisions durable before anything follows from them. One about a quarantine that is over already changes nothing.
    pub(super) async fn take_decisions(&mut self) -> Result<(), Refused> {
        for NodeDecision {
            id,
            node,
            attempt,
            decision,
        } in self.decisions.take()
        {
            let node = self.pipeline.by_id.get(node.as_str()).copied();
            let meant = |node: &usize| {
                let last = self.progress.quarantined(*node);
                last.is_some_and(|last| last.number == attempt)
            };
            let Some(node) = node.filter(meant) else { continue };
            let Some(event) = self.progress.resolve(node, decision) else {
                continue;
            };
            let now = self.now();
            self.push(now, event.name(), Some(node), entry::encode_decided(&event, id));
            self.flush().await?;
            self.take_in(node, &event, now);
            if let Some(watch) = &mut self.watch {
                watch.forget_deaths(node);
            }
        }
        Ok(())
    }
}
