//! Room for the bodies of all requests together: each is bounded by itself, but ten thousand connections may each send one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::code::Code;
use super::problem::Problem;

/// Bytes of bodies that are in memory at once, each from its first byte until it is parsed: 32 of the size that is the largest by default.
const ROOM: usize = 64 << 20;

/// So much of each body counts for nothing, so that those who send large ones slowly keep nobody from logging in or starting a run.
pub(super) const FREE: usize = 8 << 10;

/// When to come back: a body that is under way is read or given up within seconds.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is left for bodies; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

/// What one body takes up, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    room: Room,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Enough for one body of the largest size at least.
    pub(crate) fn new(largest: usize) -> Self {
        Self(Arc::new(Semaphore::new(ROOM.max(largest).min(Semaphore::MAX_PERMITS))))
    }

    /// Nothing so far.
    pub(super) fn held(self) -> Held {
        Held {
            room: self,
            permit: None,
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Held {
    /// Takes what a body of so many bytes needs beyond what it has already. Fails at once where there is not so much: whoever waited would hold
    /// what others wait for.
    pub(super) fn grow(&mut self, length: usize) -> Result<(), Problem> {
        let has = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = length.saturating_sub(FREE).saturating_sub(has);
        let Ok(more) = u32::try_from(more) else {
            return Err(full());
        };
        let taken = self
            .room
            .0
            .clone()
            .try_acquire_many_owned(more)
            .map_err(|_none| full())?;
        match &mut self.permit {
            Some(permit) => permit.merge(taken),
            None => self.permit = Some(taken),
        }
        Ok(())
    }
}

fn full() -> Problem {
    let detail = "the server is reading as many large bodies as it has memory for; send this one again a little later";
    Problem::new(Code::UseCase(gathering::Code::Overloaded), detail).with_retry_after(RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_the_room_and_give_it_back_and_small_ones_need_none() {
        let room = Room::new(0);
        let (mut first, mut second) = (room.clone().held(), room.clone().held());
        first.grow(ROOM / 2 + FREE).unwrap();
        first.grow(ROOM + FREE).unwrap();
        assert!(second.grow(FREE).is_ok() && second.grow(FREE + 1).is_err());
        drop(first);
        second.grow(FREE + 1).unwrap();
    }
}
