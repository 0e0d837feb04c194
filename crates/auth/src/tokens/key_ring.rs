//! The signing keys in memory, in step with the table that all instances of a database share.

use std::sync::{Arc, PoisonError, RwLock};

use gathering_domain::{Clock, Entropy};
use gathering_persistence::{Connection, Pool, signing_keys};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::error::KeyError;
use super::key::{Key, generate};
use super::key_set::KeySet;
use super::rules::MAX_LIFETIME;
use crate::Error;

/// A token with an unknown key makes the keys be read again, but not more often than this: anyone can invent such tokens.
const RELOAD_INTERVAL: SignedDuration = SignedDuration::from_secs(3);

/// Holds the keys that were last read, and reads them again when a token names another.
#[derive(Debug)]
pub(crate) struct KeyRing {
    pool: Pool,
    clock: Arc<dyn Clock>,
    keys: RwLock<Arc<KeySet>>,
    last_reload: Mutex<LastReload>,
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
        let mut keys = read(&connection, clock.now()).await?;
        if keys.signing().is_err() {
            keys = create(&mut connection, clock.now(), entropy).await?;
        }
        let keys = RwLock::new(Arc::new(keys));
        Ok(Self {
            pool,
            clock,
            keys,
            last_reload: Mutex::new(LastReload::Never),
        })
    }

    /// The keys as they were last read.
    pub(crate) fn keys(&self) -> Arc<KeySet> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the keys again.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let connection = connection(&self.pool).await?;
        let keys = Arc::new(read(&connection, self.clock.now()).await?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
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
async fn create(connection: &mut Connection, now: Timestamp, entropy: &dyn Entropy) -> Result<KeySet, Error> {
    let tx = connection
        .transaction()
        .await
        .map_err(gathering_persistence::Error::from)?;
    signing_keys::lock_creation_in(&tx).await?;
    let mut keys = read_rows(signing_keys::usable(&tx, still_verifying(now)).await?);
    if !keys.iter().any(Key::signs) {
        let private = signing_keys::PrivateKey::new(generate(entropy));
        let key = Key::read(private.as_bytes(), now)?;
        signing_keys::insert(&tx, &key.kid, &private, now).await?;
        tracing::info!(kid = key.kid, "made a signing key");
        keys.push(key);
    }
    tx.commit().await.map_err(gathering_persistence::Error::from)?;
    Ok(KeySet::new(keys))
}

async fn read(connection: &Connection, now: Timestamp) -> Result<KeySet, Error> {
    let rows = signing_keys::usable(connection, still_verifying(now)).await?;
    Ok(KeySet::new(read_rows(rows)))
}

/// A key retired before this has no token left that could be valid; an extra lifetime covers clocks that differ.
fn still_verifying(now: Timestamp) -> Timestamp {
    now.saturating_sub(MAX_LIFETIME * 2).unwrap_or(Timestamp::MIN)
}

/// Leaves out what cannot be used: one bad row must not stop the server, and its tokens are refused as unknown.
fn read_rows(rows: Vec<signing_keys::SigningKeyRow>) -> Vec<Key> {
    rows.into_iter()
        .filter_map(|row| {
            read_row(&row)
                .inspect_err(|error| tracing::error!(%error, "signing key left out"))
                .ok()
        })
        .collect()
}

fn read_row(row: &signing_keys::SigningKeyRow) -> Result<Key, KeyError> {
    let key = Key::read(row.private_key.as_bytes(), row.created_at)
        .map_err(|_unreadable| KeyError::Unreadable { kid: row.kid.clone() })?;
    if key.kid != row.kid {
        return Err(KeyError::WrongId { kid: row.kid.clone() });
    }
    Ok(key.retired(row.retired_at))
}
