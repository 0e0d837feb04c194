//! The signing keys in memory, in step with the table that all instances of a database share.

use std::sync::{Arc, PoisonError, RwLock};

use gathering_domain::signing_key::{KEPT_AFTER, KeyTimes};
use gathering_domain::{Clock, Entropy};
use gathering_persistence::signing_keys::{SigningKeyHead, SigningKeyRow};
use gathering_persistence::{Connection, Pool, Transaction, signing_keys};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::error::KeyError;
use super::key::{Key, generate};
use super::key_set::KeySet;
use crate::Error;

/// A token with an unknown key makes the keys be read again, but not more often than this: anyone can invent such tokens.
const RELOAD_INTERVAL: SignedDuration = SignedDuration::from_secs(3);

/// Holds the keys that were last read, and reads them again when they have changed, or when a token names another.
#[derive(Debug)]
pub(crate) struct KeyRing {
    pool: Pool,
    clock: Arc<dyn Clock>,
    known: RwLock<Known>,
    last_reload: Mutex<LastReload>,
}

#[derive(Debug)]
struct Known {
    keys: Arc<KeySet>,
    /// As they stand in the table, those included that cannot be used.
    heads: Vec<SigningKeyHead>,
}

#[derive(Debug, Clone, Copy)]
enum LastReload {
    Never,
    Done(Timestamp),
    Failed(Timestamp),
}

impl KeyRing {
    /// Reads the keys, and makes the first one where there is none that signs.
    pub(crate) async fn open(pool: Pool, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Result<Self, Error> {
        let mut connection = connection(&pool).await?;
        let mut known = read(&connection, clock.now()).await?;
        if known.keys.signing(clock.now()).is_err() {
            create(&mut connection, clock.now(), entropy).await?;
            known = read(&connection, clock.now()).await?;
        }
        Ok(Self {
            pool,
            clock,
            known: RwLock::new(known),
            last_reload: Mutex::new(LastReload::Never),
        })
    }

    /// The keys as they were last read.
    pub(crate) fn keys(&self) -> Arc<KeySet> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.keys.clone()
    }

    /// Reads the keys again.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        self.reload_by(&connection(&self.pool).await?).await
    }

    /// Reads the keys again if any has changed, is new or is gone.
    pub(crate) async fn catch_up(&self, connection: &Connection) -> Result<(), Error> {
        let heads = signing_keys::heads(connection, still_verifying(self.clock.now())).await?;
        if self.known.read().unwrap_or_else(PoisonError::into_inner).heads == heads {
            return Ok(());
        }
        self.reload_by(connection).await
    }

    async fn reload_by(&self, connection: &Connection) -> Result<(), Error> {
        let known = read(connection, self.clock.now()).await?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// Reads the keys again because a token names one that is not among them, unless that has just been done.
    ///
    /// Those that come while a reading is under way wait for it and share its outcome.
    pub(crate) async fn reload_for_unknown(&self) -> Result<(), Error> {
        let mut last = self.last_reload.lock().await;
        let now = self.clock.now();
        match *last {
            LastReload::Done(at) if is_recent(at, now) => Ok(()),
            LastReload::Failed(at) if is_recent(at, now) => Err(Error::KeysUnavailable {
                retry_after: RELOAD_INTERVAL.unsigned_abs(),
            }),
            LastReload::Never | LastReload::Done(_) | LastReload::Failed(_) => {
                let outcome = self.reload().await;
                *last = if outcome.is_ok() {
                    LastReload::Done(now)
                } else {
                    LastReload::Failed(now)
                };
                outcome
            }
        }
    }
}

/// Also true of a moment shortly ahead, so that a clock set back by a year does not stop the readings for a year.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() < RELOAD_INTERVAL
}

async fn connection(pool: &Pool) -> Result<Connection, Error> {
    Ok(pool.get().await.map_err(gathering_persistence::Error::from)?)
}

/// Makes the first key. Of two instances that try at once, the second finds the key of the first.
async fn create(connection: &mut Connection, now: Timestamp, entropy: &dyn Entropy) -> Result<(), Error> {
    let tx = connection
        .transaction()
        .await
        .map_err(gathering_persistence::Error::from)?;
    let keys = lock_in(&tx, still_verifying(now)).await?;
    if keys.signing(now).is_err() {
        let times = KeyTimes {
            signs_from: keys.turns().next_signs_from(true, now),
            ..KeyTimes::at_once(now)
        };
        let kid = make_in(&tx, times, entropy).await?;
        tracing::info!(kid, "made a signing key");
    }
    tx.commit().await.map_err(gathering_persistence::Error::from)?;
    Ok(())
}

/// The keys that were not retired before, which from now to the end of the transaction nobody else changes.
pub(crate) async fn lock_in(tx: &Transaction<'_>, retired_after: Timestamp) -> Result<KeySet, Error> {
    signing_keys::lock_creation_in(tx).await?;
    let rows = signing_keys::usable(tx, retired_after).await?;
    Ok(KeySet::new(read_rows(&rows)))
}

/// Makes a key, and gives its id.
pub(crate) async fn make_in(tx: &Transaction<'_>, times: KeyTimes, entropy: &dyn Entropy) -> Result<String, Error> {
    let private_key = signing_keys::PrivateKey::new(generate(entropy));
    let Key { kid, .. } = Key::read(private_key.as_bytes(), times)?;
    let head = SigningKeyHead { kid, times };
    let row = SigningKeyRow { head, private_key };
    signing_keys::insert(tx, &row).await?;
    Ok(row.head.kid)
}

async fn read(connection: &Connection, now: Timestamp) -> Result<Known, Error> {
    let rows = signing_keys::usable(connection, still_verifying(now)).await?;
    Ok(Known {
        keys: Arc::new(KeySet::new(read_rows(&rows))),
        heads: rows.into_iter().map(|row| row.head).collect(),
    })
}

/// A key retired before this has no token left that could be valid; an extra lifetime covers clocks that differ.
pub(crate) fn still_verifying(now: Timestamp) -> Timestamp {
    now.saturating_sub(KEPT_AFTER).unwrap_or(Timestamp::MIN)
}

/// Leaves out what cannot be used: one bad row must not stop the server, and its tokens are refused as unknown.
fn read_rows(rows: &[SigningKeyRow]) -> Vec<Key> {
    rows.iter()
        .filter_map(|row| {
            read_row(row)
                .inspect_err(|error| tracing::error!(%error, "signing key left out"))
                .ok()
        })
        .collect()
}

pub(crate) fn read_row(row: &SigningKeyRow) -> Result<Key, KeyError> {
    let kid = || row.head.kid.clone();
    let key = Key::read(row.private_key.as_bytes(), row.head.times)
        .map_err(|_unreadable| KeyError::Unreadable { kid: kid() })?;
    if key.kid != row.head.kid {
        return Err(KeyError::WrongId { kid: kid() });
    }
    Ok(key)
}
