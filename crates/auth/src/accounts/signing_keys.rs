//! Signing keys change: the next one is published and then signs, one that leaked is refused, and old ones are forgotten.

use gathering_domain::signing_key::{KeyState, KeyTimes};
use gathering_persistence::{Connection, Transaction, signing_keys};
use jiff::Timestamp;
use serde::Serialize;

use super::sessions::{begin, commit};
use super::{Accounts, Client, Operator};
use crate::Error;
use crate::audit::{Action, Event};
use crate::tokens::{KeySet, lock_in, make_in, read_row, still_verifying};

/// The most keys of which tokens may be alive; each instance reads all of them.
const MOST_KEYS: usize = 50;

/// A signing key, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SigningKey {
    /// Its id: the `kid` of its tokens.
    pub kid: String,
    /// `waiting`, `signing`, `verifying`, `retired` or `over`; `unreadable` where the stored bytes are no key.
    pub state: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// Since when its tokens are refused.
    pub retired_at: Option<Timestamp>,
}

/// The key that signs next, or already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RotatedKey {
    /// Its id.
    pub kid: String,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// Whether it was made by this call. A key that waits already is not followed by another.
    pub is_new: bool,
}

/// The signing keys of a database, in the order in which they sign. Nothing is written.
pub async fn signing_keys(connection: &Connection, now: Timestamp) -> Result<Vec<SigningKey>, Error> {
    let rows = signing_keys::usable(connection, still_verifying(now)).await?;
    let keys = KeySet::new(rows.iter().filter_map(|row| read_row(row).ok()).collect());
    let known = keys
        .states(now)
        .map(|(key, state)| shown(&key.kid, &key.times, state.as_str()));
    let unreadable = rows.iter().filter(|row| read_row(row).is_err());
    let unreadable = unreadable.map(|row| shown(&row.head.kid, &row.head.times, "unreadable"));
    Ok(unreadable.chain(known).collect())
}

fn shown(kid: &str, times: &KeyTimes, state: &'static str) -> SigningKey {
    SigningKey {
        kid: kid.to_owned(),
        state,
        created_at: times.created_at,
        signs_from: times.signs_from,
        retired_at: times.refused_at,
    }
}

impl Accounts {
    /// Makes the next signing key. It is published at once and signs in ten minutes, when everybody who checks tokens knows it; or `at_once`, and then those who
    /// check tokens by what was published may refuse its tokens for as long as they keep that, five minutes.
    ///
    /// Where a key waits already it is that one.
    pub async fn rotate_keys(&self, at_once: bool, operator: Operator<'_>) -> Result<RotatedKey, Error> {
        let now = self.clock.now();
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let keys = lock_in(&tx, still_verifying(now)).await?;
        let rotated = match keys.waiting(now) {
            Some(waiting) if at_once => {
                let (kid, signs_from) = (waiting.kid.clone(), now.max(waiting.times.created_at));
                signing_keys::set_signs_from(&tx, &kid, signs_from).await?;
                let is_new = false;
                RotatedKey {
                    kid,
                    signs_from,
                    is_new,
                }
            }
            Some(waiting) => {
                return Ok(RotatedKey {
                    kid: waiting.kid.clone(),
                    signs_from: waiting.times.signs_from,
                    is_new: false,
                });
            }
            None => {
                bounded(&keys, now)?;
                self.next_in(&tx, &keys, at_once).await?
            }
        };
        let event = rotation(
            operator.event(Action::SigningKeyRotated),
            &rotated,
            if at_once { "at once" } else { "on demand" },
        );
        self.note_in(&tx, event, &operator.client(), now).await?;
        commit(tx).await?;
        drop(connection);
        self.keys.reload().await?;
        Ok(rotated)
    }

    /// Makes the next key if the last one has signed for its lifetime: of all instances that find so at once, the first does it.
    pub async fn rotate_if_due(&self) -> Result<Option<RotatedKey>, Error> {
        let Some(lifetime) = self.signing_key_lifetime else {
            return Ok(None);
        };
        let now = self.clock.now();
        if !self.keys.keys().turns().is_rotation_due(lifetime, now) {
            return Ok(None);
        }
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let keys = lock_in(&tx, still_verifying(now)).await?;
        if !keys.turns().is_rotation_due(lifetime, now) {
            return Ok(None);
        }
        let rotated = self.next_in(&tx, &keys, false).await?;
        let event = rotation(Event::done(Action::SigningKeyRotated), &rotated, "by its age");
        self.note_in(&tx, event, &Client::default(), now).await?;
        commit(tx).await?;
        drop(connection);
        self.keys.reload().await?;
        tracing::info!(kid = rotated.kid, signs_from = %rotated.signs_from, "made the next signing key");
        Ok(Some(rotated))
    }

    /// Refuses everything that a key has signed, or ever will: here at once, on every other instance as it does what has ended (see
    /// [`Accounts::catch_up`]). Where it was the one that signs, a new one does from now on. `false` if it was retired already.
    pub async fn retire_key(&self, kid: &str, operator: Operator<'_>) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        lock_in(&tx, still_verifying(now)).await?;
        let rows = signing_keys::heads(&tx, still_verifying(now)).await?;
        if !rows.iter().any(|row| row.kid == kid) {
            return Err(Error::UnknownKey(kid.to_owned()));
        }
        if !signing_keys::refuse(&tx, kid, now).await? {
            return Ok(false);
        }
        let left = lock_in(&tx, still_verifying(now)).await?;
        let mut event = operator.event(Action::SigningKeyRetired).to(kid);
        if left.signing(now).is_err() {
            let next = self.next_in(&tx, &left, true).await?;
            event = event.saying(&format_args!("{} signs in its place", next.kid));
        }
        self.note_in(&tx, event, &operator.client(), now).await?;
        commit(tx).await?;
        drop(connection);
        self.keys.reload().await?;
        tracing::warn!(kid, "signing key retired: its tokens are refused from now on");
        Ok(true)
    }

    /// Forgets the keys of which no token can be alive. Gives how many.
    pub async fn purge_keys(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let keys = lock_in(&tx, Timestamp::UNIX_EPOCH).await?;
        let forgotten = match keys.forgettable(now).as_slice() {
            [] => 0,
            kids => signing_keys::forget(&tx, kids).await?,
        };
        commit(tx).await?;
        Ok(forgotten)
    }

    /// Makes the next key when it is due, and forgets old ones.
    pub(super) async fn keep_keys(&self) -> Result<(), Error> {
        self.rotate_if_due().await?;
        let keys = self.purge_keys().await?;
        if keys > 0 {
            tracing::info!(keys, "forgot old signing keys");
        }
        Ok(())
    }

    async fn next_in(&self, tx: &Transaction<'_>, keys: &KeySet, at_once: bool) -> Result<RotatedKey, Error> {
        let now = self.clock.now();
        let signs_from = keys.turns().next_signs_from(at_once, now);
        let times = KeyTimes {
            signs_from,
            ..KeyTimes::at_once(now)
        };
        let kid = make_in(tx, times, &*self.entropy).await?;
        let is_new = true;
        Ok(RotatedKey {
            kid,
            signs_from,
            is_new,
        })
    }
}

/// Not asked where a key is retired: that must never fail, and what is beyond what instances read is refused anyway.
fn bounded(keys: &KeySet, now: Timestamp) -> Result<(), Error> {
    let keys = keys.states(now).filter(|(_, state)| *state != KeyState::Over).count();
    if keys < MOST_KEYS {
        Ok(())
    } else {
        Err(Error::TooManyKeys { keys })
    }
}

fn rotation(event: Event, rotated: &RotatedKey, why: &str) -> Event {
    let event = event.to(&rotated.kid);
    event.saying(&format_args!("{why}; signs from {}", rotated.signs_from))
}
