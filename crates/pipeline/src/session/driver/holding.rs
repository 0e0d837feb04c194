//! What circuit breakers mean for a run in memory.

use gathering_domain::breaker::{BreakerPolicy, BreakerScope};
use gathering_domain::pipeline::HandlerName;
use gathering_domain::progress::Progress;
use gathering_persistence::breakers::BreakerKey;
use gathering_persistence::runs::ClaimedRun;

use super::Driver;
use crate::handler::Call;
use crate::session::breakers::{Breakers, Guard};

impl Driver {
    /// What stands between an attempt and its handler.
    pub(super) fn guard(&self, policy: &BreakerPolicy, handler: &HandlerName, call: &Call) -> Guard {
        let target = self
            .session
            .shared
            .handlers
            .get(handler)
            .filter(|_| policy.scope == BreakerScope::Host)
            .and_then(|handler| handler.target(&call.config));
        Guard {
            key: BreakerKey {
                project_id: self.run.project_id,
                key: policy.scope.key(handler, target.as_deref()),
            },
            policy: policy.clone(),
            chance: self.chance(),
            session: self.session.clone(),
        }
    }

    /// Makes the nodes due whose breaker has closed.
    pub(super) fn ring_held(&mut self) {
        let (breakers, project) = (&self.session.breakers, self.run.project_id);
        let now = self.session.shared.clock.now();
        self.progress.ring_held(|by| breakers.is_closed(project, by), now);
    }
}

/// Returns once a breaker that holds a node of the run has closed; pending for ever while none holds any.
pub(super) async fn one_closes(breakers: &Breakers, run: &ClaimedRun, progress: &Progress) {
    breakers.one_closes(run.project_id, progress.held_by()).await;
}
