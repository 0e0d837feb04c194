//! Signing keys: which of them signs, whose tokens count, and when the next one is due.

use jiff::{SignedDuration, Timestamp};

/// The longest that an access token may live.
pub const LONGEST_TOKEN: SignedDuration = SignedDuration::from_mins(15);
/// How far the clocks of two instances may differ.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(5);
/// How long a key is published before it signs: those who check tokens keep what is published for five minutes.
pub const PUBLISHED_BEFORE: SignedDuration = SignedDuration::from_mins(10);
/// How long a key is kept after it signed last. An extra lifetime covers clocks that differ.
pub const KEPT_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// The times of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTimes {
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs, unless a later one does.
    pub signs_from: Timestamp,
    /// Since when it signs no more, although no later one took its place: somebody said so.
    pub retired_at: Option<Timestamp>,
    /// Since when nothing that it signed counts.
    pub refused_at: Option<Timestamp>,
}

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, and signs later.
    Waiting {
        /// From when on.
        signs_from: Timestamp,
    },
    /// It signs.
    Signing,
    /// It signs no more; what it signed counts until that has expired.
    Verifying {
        /// When the last of it has.
        until: Timestamp,
    },
    /// Nothing that it signed counts.
    Refused {
        /// Since when.
        since: Timestamp,
    },
    /// It signs no more, and what it signed has expired.
    Over,
}

impl KeyState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Signing => "signing",
            Self::Verifying { .. } => "verifying",
            Self::Refused { .. } => "retired",
            Self::Over => "over",
        }
    }

    /// Whether it is published, and tokens of it count.
    pub fn verifies(self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Signing | Self::Verifying { .. })
    }
}

/// The keys of a database, in the order in which their turn comes.
#[derive(Debug, Clone, Copy)]
pub struct KeyTurns<'a>(&'a [KeyTimes]);

impl KeyTimes {
    /// A key that signs from its making on.
    pub fn at_once(created_at: Timestamp) -> Self {
        Self {
            created_at,
            signs_from: created_at,
            retired_at: None,
            refused_at: None,
        }
    }

    /// What orders keys; of two that are the same in this the id decides.
    pub fn turn(&self) -> (Timestamp, Timestamp) {
        (self.signs_from, self.created_at)
    }

    /// Whether its turn was longer than nothing, so that it took the place of the one before.
    fn ever_signs(&self) -> bool {
        let ends = [self.retired_at, self.refused_at].into_iter().flatten().min();
        ends.is_none_or(|end| end > self.signs_from)
    }
}

impl<'a> KeyTurns<'a> {
    /// Takes keys ordered by [`KeyTimes::turn`], then by their ids.
    pub fn new(keys: &'a [KeyTimes]) -> Self {
        Self(keys)
    }

    /// The key that signs at `now`. Where none has begun to, because the clock is behind that of whoever made the first one, that one does.
    pub fn signing(&self, now: Timestamp) -> Option<usize> {
        let mut able = (0..self.0.len()).filter(|index| self.may_sign(*index, now));
        let first = able.next()?;
        let begun = |index: &usize| self.0[*index].signs_from <= now;
        Some(able.rfind(begun).unwrap_or(first))
    }

    /// The last key that signs later, and not now already.
    pub fn waiting(&self, now: Timestamp) -> Option<usize> {
        let signing = self.signing(now);
        let waits =
            |index: &usize| self.may_sign(*index, now) && self.0[*index].signs_from > now && Some(*index) != signing;
        (0..self.0.len()).rfind(waits)
    }

    /// What a key is good for at `now`.
    pub fn state(&self, index: usize, now: Timestamp) -> KeyState {
        let key = &self.0[index];
        if let Some(since) = key.refused_at {
            return KeyState::Refused { since };
        }
        if self.signing(now) == Some(index) {
            return KeyState::Signing;
        }
        match self.signs_no_more(index) {
            Some(end) if key.retired_at.is_some() || end <= now => {
                let until = later(end, LONGEST_TOKEN + LEEWAY);
                if now < until {
                    KeyState::Verifying { until }
                } else {
                    KeyState::Over
                }
            }
            Some(_) | None => KeyState::Waiting {
                signs_from: key.signs_from,
            },
        }
    }

    /// Whether a key may be forgotten: nothing that it signed is alive, by any clock.
    pub fn is_forgettable(&self, index: usize, now: Timestamp) -> bool {
        let end = self.0[index].refused_at.or_else(|| self.signs_no_more(index));
        self.signing(now) != Some(index) && end.is_some_and(|end| later(end, KEPT_AFTER) <= now)
    }

    /// Whether it is time for the next key: the last one began to sign a lifetime ago.
    pub fn is_rotation_due(&self, lifetime: SignedDuration, now: Timestamp) -> bool {
        let newest = (0..self.0.len()).rfind(|index| self.may_sign(*index, now));
        newest.is_some_and(|newest| later(self.0[newest].signs_from, lifetime) <= now)
    }

    /// From when on a key signs that is made at `now`: after it has been published for long enough, unless it is to sign at once or nothing else
    /// does; and in any case after all others.
    pub fn next_signs_from(&self, at_once: bool, now: Timestamp) -> Timestamp {
        let wanted = if at_once || self.signing(now).is_none() {
            now
        } else {
            later(now, PUBLISHED_BEFORE)
        };
        let last = self
            .0
            .iter()
            .map(|key| later(key.signs_from, SignedDuration::from_millis(1)));
        last.max().map_or(wanted, |after_all| wanted.max(after_all))
    }

    fn may_sign(&self, index: usize, now: Timestamp) -> bool {
        let key = &self.0[index];
        let open = key.retired_at.is_none() && key.refused_at.is_none();
        open && self.superseded_at(index).is_none_or(|at| at > now)
    }

    fn signs_no_more(&self, index: usize) -> Option<Timestamp> {
        let ends = [self.0[index].retired_at, self.superseded_at(index)];
        ends.into_iter().flatten().min()
    }

    /// When a later key took its place, or will. One that is refused by now did so too, if it ever signed: the one before does not come back.
    fn superseded_at(&self, index: usize) -> Option<Timestamp> {
        let later = self.0.iter().skip(index + 1).find(|key| key.ever_signs());
        later.map(|key| key.signs_from)
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(signs_from: i64) -> KeyTimes {
        KeyTimes {
            created_at: at(signs_from - 600),
            ..KeyTimes::at_once(at(signs_from))
        }
    }

    fn refused(signs_from: i64, since: i64) -> KeyTimes {
        KeyTimes {
            refused_at: Some(at(since)),
            retired_at: Some(at(since)),
            ..key(signs_from)
        }
    }

    fn states(keys: &[KeyTimes], now: i64) -> Vec<&'static str> {
        let turns = KeyTurns::new(keys);
        (0..keys.len())
            .map(|index| turns.state(index, at(now)).as_str())
            .collect()
    }

    #[test]
    fn a_new_key_waits_and_then_signs_while_the_old_ones_tokens_run_out() {
        let keys = [key(10_000), key(20_000)];
        assert_eq!(states(&keys, 19_999), ["signing", "waiting"]);
        assert_eq!(states(&keys, 20_000), ["verifying", "signing"]);
        assert_eq!(states(&keys, 20_904), ["verifying", "signing"]);
        assert_eq!(states(&keys, 20_905), ["over", "signing"]);
        let turns = KeyTurns::new(&keys);
        assert_eq!((turns.waiting(at(19_999)), turns.waiting(at(20_000))), (Some(1), None));
        assert!(!turns.is_forgettable(0, at(21_799)));
        assert!(turns.is_forgettable(0, at(21_800)));
        assert!(!turns.is_forgettable(1, at(1_000_000)));
    }

    #[test]
    fn where_no_key_has_begun_the_first_one_signs() {
        assert_eq!(states(&[key(20_000), key(30_000)], 19_998), ["signing", "waiting"]);
        assert_eq!(KeyTurns::new(&[key(20_000)]).waiting(at(19_998)), None);
    }

    #[test]
    fn a_refused_key_is_refused_at_once_and_the_one_before_it_does_not_come_back() {
        let keys = [key(10_000), refused(20_000, 20_500)];
        assert_eq!(states(&keys, 20_600), ["verifying", "retired"]);
        assert_eq!(KeyTurns::new(&keys).signing(at(20_600)), None);
        let next = KeyTurns::new(&keys).next_signs_from(false, at(20_600));
        assert_eq!(next, at(20_600));
    }

    #[test]
    fn a_key_that_was_refused_before_its_turn_leaves_the_present_one_signing() {
        let keys = [key(10_000), refused(20_000, 19_700)];
        assert_eq!(states(&keys, 30_000), ["signing", "retired"]);
        let turns = KeyTurns::new(&keys);
        assert!(!turns.is_forgettable(1, at(21_499)));
        assert!(turns.is_forgettable(1, at(21_500)));
    }

    #[test]
    fn a_key_that_somebody_retired_verifies_until_its_last_token_is_dead() {
        let retired = KeyTimes {
            retired_at: Some(at(10_000)),
            ..key(10_000)
        };
        let keys = [retired, key(20_000)];
        assert_eq!(states(&keys, 10_904), ["verifying", "signing"]);
        assert_eq!(states(&keys, 10_905), ["over", "signing"]);
    }

    #[test]
    fn the_next_key_is_due_a_lifetime_after_the_last_one_began() {
        let (keys, lifetime) = ([key(10_000), key(20_000)], SignedDuration::from_secs(5_000));
        let turns = KeyTurns::new(&keys);
        assert!(!turns.is_rotation_due(lifetime, at(24_999)));
        assert!(turns.is_rotation_due(lifetime, at(25_000)));
        assert_eq!(turns.next_signs_from(false, at(25_000)), at(25_600));
        assert_eq!(turns.next_signs_from(true, at(25_000)), at(25_000));
        let after_all = at(20_000) + SignedDuration::from_millis(1);
        assert_eq!(turns.next_signs_from(true, at(15_000)), after_all);
    }
}
