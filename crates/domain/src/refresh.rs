//! What becomes of a refresh token that somebody presents.

use jiff::{SignedDuration, Timestamp};

/// How long the token that was exchanged last may be presented again: its answer may have been lost, and several tabs of one browser may
/// have sent it at once. A thief who is as quick gets what its owner gets, and is found out with the next exchange by either.
pub const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// A refresh token that is known, and the session that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentedToken {
    /// Whether the session has ended.
    pub is_ended: bool,
    /// When the session is over in any case.
    pub expires_at: Timestamp,
    /// When the token was exchanged for its successor, if it was.
    pub used_at: Option<Timestamp>,
    /// Whether that successor has been exchanged as well.
    pub successor_is_used: bool,
}

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Exchange it for its successor.
    Exchange,
    /// Give the same successor again.
    Repeat,
    /// Two parties have it: end the session.
    Reused,
    /// The session is over.
    Over,
}

impl PresentedToken {
    /// Judges a token that is presented at `now`.
    pub fn judge(&self, now: Timestamp) -> Verdict {
        if self.is_ended || self.expires_at <= now {
            return Verdict::Over;
        }
        match self.used_at {
            None => Verdict::Exchange,
            // Also where the clock of whoever exchanged it is ahead.
            Some(used_at) if !self.successor_is_used && now.duration_since(used_at) <= GRACE => Verdict::Repeat,
            Some(_) => Verdict::Reused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn token(used_at: Option<i64>) -> PresentedToken {
        PresentedToken {
            is_ended: false,
            expires_at: at(1_000),
            used_at: used_at.map(at),
            successor_is_used: false,
        }
    }

    #[test]
    fn a_new_token_is_exchanged_and_the_last_one_may_come_again_for_a_moment() {
        assert_eq!(token(None).judge(at(100)), Verdict::Exchange);
        assert_eq!(token(Some(90)).judge(at(100)), Verdict::Repeat);
        assert_eq!(token(Some(89)).judge(at(100)), Verdict::Reused);
        assert_eq!(token(Some(103)).judge(at(100)), Verdict::Repeat);
    }

    #[test]
    fn a_token_whose_successor_was_used_is_in_two_hands_however_soon_it_comes() {
        let token = PresentedToken {
            successor_is_used: true,
            ..token(Some(100))
        };
        assert_eq!(token.judge(at(100)), Verdict::Reused);
    }

    #[test]
    fn nothing_leads_back_into_a_session_that_is_over() {
        for used_at in [None, Some(999), Some(1)] {
            assert_eq!(token(used_at).judge(at(1_000)), Verdict::Over);
            let ended = PresentedToken {
                is_ended: true,
                ..token(used_at)
            };
            assert_eq!(ended.judge(at(999)), Verdict::Over);
        }
    }
}
