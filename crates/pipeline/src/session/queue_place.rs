//! Where in the queue the next claim begins.
//!
//! A claimed run leaves an entry in the index of the queue that PostgreSQL can clean up only when nobody's snapshot is older. Under a transaction
//! that somebody left open they pile up at the head of the queue, and so do runs that this instance cannot do. A claim that always began at
//! the head would walk over all of them for each batch; one that goes on behind the last run it saw does not.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gathering_domain::RunId;
use gathering_persistence::runs::{ClaimedRun, Part};
use tokio::time::Instant;

/// How much longer than a claim from the head took, the next ones go on behind it: walking the head over again then takes a twentieth of the
/// time at most. A claim from a short queue takes half a millisecond.
const REST: u32 = 20;
/// The longest time between two claims from the head: older runs come back into the queue, as from an instance that stopped.
const MAX_REST: Duration = Duration::from_secs(10);

/// The last run in the order of the queue that was claimed, for as long as claims may begin behind it.
#[derive(Debug, Default)]
pub(crate) struct QueuePlace(Mutex<Option<Place>>);

#[derive(Debug, Clone, Copy)]
struct Place {
    priority: i16,
    run: RunId,
    until: Instant,
}

impl QueuePlace {
    /// The parts of the queue to claim from, one after the other.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match place.filter(|place| Instant::now() < place.until) {
            Some(Place { priority, run, .. }) => vec![
                Part::Above(priority),
                Part::Behind(priority, run),
                Part::Below(priority),
            ],
            None => vec![Part::All],
        }
    }

    /// Begins at the head again: older runs may be there.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Notes what a claim that took so long found.
    pub(crate) fn claimed(&self, parts: &[Part], runs: &[ClaimedRun], took: Duration) {
        let last = runs.iter().max_by_key(|run| (std::cmp::Reverse(run.priority), run.id));
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from_head = parts == [Part::All];
        let until = match *place {
            _ if from_head => Instant::now() + (took * REST).min(MAX_REST),
            Some(Place { until, .. }) => until,
            // Forgotten meanwhile.
            None => return,
        };
        // An empty queue has no place; one that is empty behind the place still has it.
        if let Some(last) = last {
            let (priority, run) = (last.priority, last.id);
            *place = Some(Place { priority, run, until });
        } else if from_head {
            *place = None;
        }
    }
}
