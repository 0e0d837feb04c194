//! Which sessions and API keys have ended of late, known without a query. Both have ids that nothing else has; where a session is spoken of
//! here, a key is meant as well.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// For how long what was read last is relied on. Whoever has not read it for longer asks the database, whatever that takes.
const MAX_LAG: Duration = Duration::from_secs(3);
/// The most sessions that are kept. Where more end within the life of an access token, the database is asked.
pub(super) const MOST: usize = 100_000;

/// What is known of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has ended.
    Ended,
    /// It has not ended.
    Open,
    /// That cannot be told here and now.
    Unknown,
}

/// The sessions whose access tokens may still be alive although they have ended.
#[derive(Debug, Default)]
pub(super) struct Revocations(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    /// And when that was known.
    ended: HashMap<Uuid, Instant>,
    /// When what is known was asked for last; `None` until then, and while there are more than [`MOST`].
    asked_at: Option<Instant>,
}

impl Revocations {
    pub(super) fn standing(&self, session: Uuid, now: Instant) -> Standing {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if state.ended.contains_key(&session) {
            // For good: a session that ended never comes back, however long ago that was read.
            return Standing::Ended;
        }
        match state.asked_at {
            Some(asked_at) if now.duration_since(asked_at) <= MAX_LAG => Standing::Open,
            Some(_) | None => Standing::Unknown,
        }
    }

    /// Notes sessions that ended here, which need not be read first.
    pub(super) fn add(&self, ended: impl IntoIterator<Item = Uuid>, now: Instant) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for session in ended {
            if state.ended.len() >= 2 * MOST {
                state.asked_at = None;
                return;
            }
            state.ended.insert(session, now);
        }
    }

    /// Takes what the database said to a question that was asked then: all that ended within the life of an access token, or more than
    /// [`MOST`].
    pub(super) fn caught_up(&self, asked_at: Instant, ended: Vec<Uuid>) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // What ended here since the question may be missing in its answer.
        state.ended.retain(|_, known| *known >= asked_at);
        state.asked_at = (ended.len() <= MOST).then_some(asked_at);
        state
            .ended
            .extend(ended.into_iter().take(MOST).map(|session| (session, asked_at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(count: usize) -> Vec<Uuid> {
        (1..=count as u128).map(Uuid::from_u128).collect()
    }

    #[test]
    fn what_was_not_read_for_long_is_not_relied_on_but_what_has_ended_stays_so() {
        let (revocations, sessions, now) = (Revocations::default(), sessions(2), Instant::now());
        assert_eq!(revocations.standing(sessions[0], now), Standing::Unknown);
        revocations.caught_up(now, vec![sessions[1]]);
        assert_eq!(revocations.standing(sessions[0], now + MAX_LAG), Standing::Open);
        let late = now + MAX_LAG + Duration::from_millis(1);
        assert_eq!(revocations.standing(sessions[0], late), Standing::Unknown);
        assert_eq!(revocations.standing(sessions[1], late), Standing::Ended);
    }

    #[test]
    fn what_ended_here_while_the_answer_was_on_its_way_is_not_forgotten_with_it() {
        let (revocations, sessions, asked_at) = (Revocations::default(), sessions(1), Instant::now());
        let later = asked_at + Duration::from_millis(1);
        revocations.add(sessions.clone(), later);
        revocations.caught_up(asked_at, Vec::new());
        assert_eq!(revocations.standing(sessions[0], later), Standing::Ended);
        revocations.caught_up(later + Duration::from_millis(1), Vec::new());
        assert_eq!(revocations.standing(sessions[0], later), Standing::Open);
    }

    #[test]
    fn where_more_have_ended_than_are_kept_the_database_is_asked() {
        let (revocations, sessions, now) = (Revocations::default(), sessions(MOST + 1), Instant::now());
        revocations.caught_up(now, sessions.clone());
        assert_eq!(revocations.standing(sessions[0], now), Standing::Ended);
        assert_eq!(revocations.standing(sessions[MOST], now), Standing::Unknown);
    }
}
