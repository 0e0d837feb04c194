//! Room for the bodies of all requests together: each is bounded by itself, but ten thousand connections may each send one. Nobody gets more than
//! a quarter of it, so that no single user or address keeps the others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::code::Code;
use super::limits::Key;
use super::problem::Problem;

/// Bytes of bodies that are in memory at once, each from its first byte until it is parsed: 32 of the size that is the largest by default.
const ROOM: usize = 64 << 20;

/// So much of each body counts for nothing, so that those who send large ones slowly keep nobody from logging in or starting a run.
pub(super) const FREE: usize = 8 << 10;

/// When to come back: a body that is under way is read or given up within seconds.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is left for bodies; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    left: Arc<Semaphore>,
    /// Bytes that each has; those who have none are not in it, so there are no more than bodies under way.
    shares: Arc<Mutex<HashMap<Key, usize>>>,
    /// The most that one may have.
    share: usize,
}

/// What one body takes up, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    room: Room,
    of: Key,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Enough for one body of the largest size at least.
    pub(crate) fn new(largest: usize) -> Self {
        Self {
            left: Arc::new(Semaphore::new(ROOM.max(largest).min(Semaphore::MAX_PERMITS))),
            shares: Arc::default(),
            share: (ROOM / 4).max(largest),
        }
    }

    /// Nothing so far, for a body of this one.
    pub(super) fn held(self, of: Key) -> Held {
        Held {
            room: self,
            of,
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
        let left = self.room.left.clone();
        let mut shares = self.room.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let has = shares.get(&self.of).copied().unwrap_or(0);
        if more > 0 && has + more as usize > self.room.share {
            return Err(too_much());
        }
        let taken = left.try_acquire_many_owned(more).map_err(|_none| full())?;
        if more > 0 {
            shares.insert(self.of, has + more as usize);
        }
        drop(shares);
        match &mut self.permit {
            Some(permit) => permit.merge(taken),
            None => self.permit = Some(taken),
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let has = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if has == 0 {
            return;
        }
        let mut shares = self.room.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let left = shares.get(&self.of).map_or(0, |share| share.saturating_sub(has));
        if left == 0 {
            shares.remove(&self.of);
        } else {
            shares.insert(self.of, left);
        }
    }
}

fn too_much() -> Problem {
    let detail =
        "a quarter of what the server has memory for are bodies of yours already; send this one when they have ended";
    Problem::new(Code::RateLimited, detail).with_retry_after(RETRY_AFTER)
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
        let mut others: Vec<_> = (0..4).map(|of| room.clone().held(Key::V4(of))).collect();
        for other in &mut others {
            other.grow(ROOM / 8 + FREE).unwrap();
            other.grow(ROOM / 4 + FREE).unwrap();
        }
        let mut late = room.clone().held(Key::V4(4));
        assert!(late.grow(FREE).is_ok() && late.grow(FREE + 1).is_err());
        others.pop();
        late.grow(FREE + 1).unwrap();
    }

    #[test]
    fn nobody_gets_more_than_a_quarter_and_nothing_is_remembered_of_those_who_have_nothing() {
        let room = Room::new(0);
        let mut first = room.clone().held(Key::V4(1));
        let mut more = room.clone().held(Key::V4(1));
        first.grow(ROOM / 4 + FREE).unwrap();
        assert!(more.grow(FREE).is_ok() && more.grow(FREE + 1).is_err());
        room.clone().held(Key::V4(2)).grow(ROOM / 4 + FREE).unwrap();
        drop(first);
        more.grow(ROOM / 4 + FREE).unwrap();
        drop(more);
        assert!(room.shares.lock().unwrap().is_empty());
    }
}
