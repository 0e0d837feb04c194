//! What circuit breakers mean for a run in memory.

use std::time::Duration;

use gathering_domain::breaker::BreakerScope;
use gathering_domain::pipeline::{NodeIx, NodeKind};
use gathering_domain::planner::{AttemptEnd, Start};
use gathering_domain::{Clock, Json};
use gathering_persistence::breakers::BreakerKey;

use super::Driver;
use super::holds::Holds;
use crate::session::breakers::{Breakers, Guard};

/// How far those are spread that ask again because their breaker is free.
const SPREAD: Duration = Duration::from_millis(500);

impl Driver {
    /// What is to start. Those are held back at once of which it is known that they would be: they are many, and come again and again.
    pub(super) fn hold_back(&mut self, starts: Vec<Start>) -> Vec<Start> {
        let mut free = Vec::with_capacity(starts.len());
        for start in starts {
            let waits = self.guard(start.node, &start.config).and_then(|guard| guard.waits());
            match waits {
                None => free.push(start),
                Some(result) => {
                    let Start { node, attempt, .. } = start;
                    self.take_end(AttemptEnd { node, attempt, result });
                }
            }
        }
        free
    }

    /// What stands between an attempt and its handler.
    pub(super) fn guard(&self, node: NodeIx, config: &Json) -> Option<Guard> {
        let definition = &self.pipeline.nodes[node];
        let policy = definition.breaker.as_ref()?;
        let NodeKind::Action { handler, .. } = &definition.kind else {
            return None;
        };
        let target = self
            .session
            .shared
            .handlers
            .get(handler)
            .filter(|_| policy.scope == BreakerScope::Host)
            .and_then(|handler| handler.target(config));
        Some(Guard {
            key: BreakerKey {
                project_id: self.run.project_id,
                key: policy.scope.key(handler, target.as_deref()),
            },
            policy: policy.clone(),
            held_for: self.holds.held_for(node, self.now()),
            clock: self.clock.clone(),
            session: self.session.clone(),
        })
    }

    /// Makes the nodes due earlier whose breaker is free earlier than they were told.
    pub(super) fn ring_held(&mut self) {
        let now = self.now();
        let free = self.holds.free(&self.session.breakers, now);
        let chance = self.chance();
        self.progress.ring_held(|_, by| {
            let at = free.get(&by.id)?;
            // What has closed lets all of them go on.
            Some(if *at <= now {
                *at
            } else {
                at.checked_add(SPREAD.mul_f64(chance)).unwrap_or(*at)
            })
        });
        self.holds.told(&free);
    }
}

/// Returns once a breaker that holds a node of the run is free earlier than was known; pending for ever while none holds any.
pub(super) async fn one_is_free(breakers: &Breakers, holds: &Holds, clock: &dyn Clock) {
    if holds.is_empty() {
        std::future::pending::<()>().await;
    }
    let mut frees = breakers.frees();
    while holds.free(breakers, clock.now()).is_empty() {
        if frees.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
