//! What a run does that another instance had before: it settles what was under way there, and watches what it starts itself.

use std::collections::HashMap;
use std::time::Duration;

use gathering_domain::node_event::{Attempt, NodeEvent};
use gathering_domain::planner::{AttemptEnd, AttemptResult, Start};
use gathering_persistence::run_journal::EntryRow;
use jiff::Timestamp;

use super::Driver;
use crate::entry::{self, TAKEN_OVER, taken_over};
use crate::session::committer::Refused;
use crate::session::held_back::{HeldBack, Ready};
use crate::session::recovery::{Before, Losses};

impl Driver {
    /// Notes that another instance had this run, if one had: the first entry of the new epoch also fences the old owner.
    pub(crate) fn note_take_over(&mut self, before: Before) {
        if before == Before::Nobody {
            return;
        }
        let data = taken_over(self.session.instance, self.run.epoch);
        self.push(self.now(), TAKEN_OVER, None, Some(data));
        if self.watch.is_none() {
            let limits = &self.session.shared.limits;
            self.watch = Some(Box::new(HeldBack::new(HashMap::new(), limits)));
            self.presumed = Some(before);
        }
    }

    /// Settles the attempts that were under way when the journal ends, and that nobody makes any more.
    ///
    /// Only those that died with their process speak against their node; an instance that was fenced has merely dropped them.
    pub(crate) fn settle_lost(&mut self, journal: &[EntryRow], before: Before) {
        let (now, limit) = (self.now(), self.session.shared.limits.max_lost_attempts);
        let losses = Losses::read(journal);
        for (node, attempt) in self.progress.under_way() {
            let id = &self.pipeline.nodes[node].id;
            let lost = match before {
                Before::Dead => true,
                Before::Fenced => false,
                Before::Nobody => losses.is_lost(id),
            };
            let deaths = self.watch.as_mut().filter(|_| lost);
            let result = deaths.map_or(AttemptResult::Interrupted, |watch| {
                let together = losses.together(id);
                let times = watch.note_death(node, together);
                AttemptResult::Lost { times, limit, together }
            });
            self.settle_gone(AttemptEnd { node, attempt, result }, now);
        }
        if self.presumed.is_none() {
            self.ring_all_held(now);
        }
    }

    /// Presumes that attempts were under way that are due at once. One part of a plan after the other, until it is through.
    pub(super) fn presume(&mut self, before: Before, starts: &[Start], now: Timestamp) {
        for Start { node, attempt, .. } in starts {
            let (node, attempt) = (*node, *attempt);
            // A breaker held it, as far as is known. One of them may have been let through, but thousands would be suspected for nothing.
            if let Some(by) = self.holds.by(node) {
                let result = AttemptResult::Held {
                    until: now,
                    spread: Duration::ZERO,
                    by,
                };
                self.take_end(AttemptEnd { node, attempt, result });
                continue;
            }
            let result = if before == Before::Dead {
                if let Some(watch) = &mut self.watch {
                    watch.note_death(node, None);
                }
                AttemptResult::PresumedLost
            } else {
                AttemptResult::Interrupted
            };
            self.settle_gone(AttemptEnd { node, attempt, result }, now);
        }
        if !self.more {
            self.presumed = None;
            self.ring_all_held(now);
            // They are tried again at once.
            self.more = true;
        }
    }

    fn settle_gone(&mut self, end: AttemptEnd, now: Timestamp) {
        let node = end.node;
        let event = self.progress.settle(end, now, 0.0);
        if let NodeEvent::Quarantined { attempt, error } = &event {
            tracing::error!(
                run_id = %self.run.id, node = %self.pipeline.nodes[node].id, attempt = attempt.number, reason = error.message,
                "a node is in quarantine until somebody releases or fails it, see /api/v1/quarantine"
            );
        }
        self.note(node, &event, now);
        self.take_in(node, &event, now);
    }

    /// The journal knows only when each was held first, and whoever comes back earlier was woken: they all ask again.
    fn ring_all_held(&mut self, now: Timestamp) {
        self.progress.ring_held(|_, _| Some(now));
    }

    /// Starts what has room, once it is written down that it starts. What has none waits, and nobody will ever say that it was under way.
    pub(super) async fn start_watched(&mut self, starts: Vec<Start>) -> Result<(), Refused> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        for start in starts {
            watch.add(start);
        }
        let mut ready = watch.take_ready(&self.attempts, &self.session.trials);
        if ready.is_empty() {
            return Ok(());
        }
        let now = self.now();
        for Ready { start, together, .. } in &mut ready {
            start.attempt = Attempt {
                started_at: now,
                ..start.attempt
            };
            let event = NodeEvent::AttemptStarted { attempt: start.attempt };
            self.push(
                now,
                event.name(),
                Some(start.node),
                entry::encode_started(&event, *together),
            );
            self.holds.is_journaled_otherwise(start.node);
        }
        self.flush().await?;
        for Ready { start, permits, .. } in ready {
            if let Some(attempting) = self.attempting(start) {
                self.attempts.begin(attempting, permits);
            }
        }
        Ok(())
    }

    /// Whether nothing is under way, nor about to be once it has room.
    pub(super) fn is_idle(&self) -> bool {
        self.attempts.is_empty() && self.watch.as_ref().is_none_or(|watch| watch.is_empty())
    }
}

/// Returns once a start that is held back has room; pending for ever while none is.
pub(super) async fn has_room(watch: Option<&mut HeldBack>) {
    match watch {
        Some(watch) => watch.has_room().await,
        None => std::future::pending().await,
    }
}
