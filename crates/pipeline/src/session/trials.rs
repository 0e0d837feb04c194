//! Keeps nodes apart that are suspected of killing their processes, so that the death that puts one into quarantine speaks against that
//! one alone.

use std::sync::Arc;

use gathering_domain::quarantine::Suspicion;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// One node at a time is on trial in this process; meanwhile no other that was under way when a process died is.
///
/// Fair: who asks first goes first, so that neither those on trial nor the others wait for ever. Each waits for attempts that began earlier,
/// and these end with their nodes' timeouts.
#[derive(Debug, Default)]
pub(crate) struct Trials(Arc<RwLock<()>>);

/// A right to be under way, until it is dropped.
#[derive(Debug)]
pub(crate) enum Place {
    /// Beside whatever else is.
    Anywhere,
    /// Beside everything but a node on trial.
    Beside(#[expect(dead_code, reason = "it is held")] OwnedRwLockReadGuard<()>),
    /// On trial.
    Alone(#[expect(dead_code, reason = "it is held")] OwnedRwLockWriteGuard<()>),
}

impl Trials {
    /// Waits for a place for a node of which so much is suspected.
    pub(crate) fn place(&self, suspicion: Suspicion) -> impl Future<Output = Place> + Send + 'static {
        let lock = self.0.clone();
        async move {
            match suspicion {
                Suspicion::None => Place::Anywhere,
                Suspicion::Slight => Place::Beside(lock.read_owned().await),
                Suspicion::Strong => Place::Alone(lock.write_owned().await),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_node_on_trial_has_no_other_suspect_beside_it_and_disturbs_nobody_else() {
        let trials = Trials::default();
        let at_once = |suspicion| trials.place(suspicion).now_or_never();
        let beside = [at_once(Suspicion::Slight), at_once(Suspicion::Slight)];
        assert!(beside.iter().all(Option::is_some));
        assert!(at_once(Suspicion::Strong).is_none(), "another suspect is under way");
        drop(beside);
        let alone = at_once(Suspicion::Strong);
        assert!(alone.is_some());
        assert!(at_once(Suspicion::Slight).is_none() && at_once(Suspicion::Strong).is_none());
        assert!(at_once(Suspicion::None).is_some());
        drop(alone);
        assert!(at_once(Suspicion::Strong).is_some());
    }
}
