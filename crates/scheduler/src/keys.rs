//! Doing what is asked for once, however often it is asked for with the same key.

use gathering_domain::ScheduleId;
use gathering_persistence::firings::{self, FiringRow};
use gathering_persistence::schedule_keys::{self, ScheduleKey};
use gathering_persistence::{Error as DatabaseError, GenericClient, Transaction};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, Scheduler};

const MAX_KEY: usize = 255;
/// How often a key is tried that was taken, and was forgotten before it could be read.
const TRIES: usize = 3;

/// A key under which something is done once within a day.
#[derive(Debug, Clone, Copy)]
pub struct OnceKey<'a> {
    /// Where the key counts: a project for its schedules, a schedule for its firings.
    pub scope: Uuid,
    /// 1 to 255 visible ASCII characters.
    pub key: &'a str,
    /// What is asked for, in the words of whoever asks: the same key for other words is refused.
    pub asked: &'a str,
}

/// A firing that was asked for, now or by an earlier request with the same key.
#[derive(Debug, Clone)]
pub struct Triggered {
    /// The firing as it is now.
    pub firing: FiringRow,
    /// Whether an earlier request with the same key had asked for it.
    pub replayed: bool,
}

impl Scheduler {
    /// Whether a key has not been used yet. Somebody may use it in the next moment.
    pub async fn key_is_new(&self, once: OnceKey<'_>) -> Result<bool, Error> {
        let client = self.shared.connection().await?;
        Ok(schedule_keys::get(&client, once.scope, once.key).await?.is_none())
    }

    /// Uses a key for `made`, in the caller's transaction; gives what an earlier use of it had made, if there was one. Who asks with the same key meanwhile waits for
    /// its end.
    pub async fn use_key_in(&self, tx: &Transaction<'_>, once: OnceKey<'_>, made: Uuid) -> Result<Option<Uuid>, Error> {
        let used = self.take_key(tx, once, (made, None)).await?;
        Ok(used.map(|used| used.made))
    }

    /// Asks for a firing now, once for this key; asked again within a day, it gives the same firing.
    ///
    /// The same key for something else is [`Error::KeyReused`]. A working scheduler forgets keys that are a day old.
    pub async fn trigger_once(&self, id: ScheduleId, key: &str) -> Result<Triggered, Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(DatabaseError::from)?;
        let triggered = self.trigger_once_in(&tx, id, key).await?;
        tx.commit().await.map_err(DatabaseError::from)?;
        self.wake();
        Ok(triggered)
    }

    /// The same in the caller's transaction: it fires once that commits.
    pub async fn trigger_once_in(&self, tx: &Transaction<'_>, id: ScheduleId, key: &str) -> Result<Triggered, Error> {
        let once = OnceKey {
            scope: id.as_uuid(),
            key,
            asked: "trigger",
        };
        // With the row locked nobody else uses a key of this schedule between the look and the use.
        self.lock_in(tx, id, None).await?;
        // First, because a firing that is there already needs no room to wait in.
        if let Some(used) = schedule_keys::get(tx, once.scope, key).await? {
            return earlier(tx, id, &used).await;
        }
        let firing = self.trigger_in(tx, id).await?;
        let made = (firing.id.as_uuid(), Some(firing.due_at));
        match self.take_key(tx, once, made).await? {
            None => Ok(Triggered {
                firing,
                replayed: false,
            }),
            // Of somebody who had not locked the row: what this one would have fired goes with the transaction.
            Some(_used) => Err(Error::KeyReused),
        }
    }

    async fn take_key(
        &self,
        tx: &Transaction<'_>,
        once: OnceKey<'_>,
        (made, due_at): (Uuid, Option<jiff::Timestamp>),
    ) -> Result<Option<ScheduleKey>, Error> {
        let visible = once.key.bytes().all(|byte| byte.is_ascii_graphic());
        if !(1..=MAX_KEY).contains(&once.key.len()) || !visible {
            let message = format!("must have 1 to {MAX_KEY} visible ASCII characters");
            return Err(Error::invalid("idempotency_key", message));
        }
        let key = ScheduleKey {
            scope: once.scope,
            key: once.key.to_owned(),
            fingerprint: Sha256::digest(once.asked.as_bytes()).to_vec(),
            made,
            due_at,
        };
        let now = self.now(tx).await?;
        for _ in 0..TRIES {
            if schedule_keys::insert(tx, &key, now).await? {
                return Ok(None);
            }
            match schedule_keys::get(tx, once.scope, once.key).await? {
                Some(used) if used.fingerprint == key.fingerprint => return Ok(Some(used)),
                Some(_) => return Err(Error::KeyReused),
                None => {}
            }
        }
        Err(DatabaseError::Unavailable(": a key was used and forgotten again and again".to_owned()).into())
    }
}

/// What an earlier request had asked for.
async fn earlier(client: &impl GenericClient, id: ScheduleId, used: &ScheduleKey) -> Result<Triggered, Error> {
    let firing = match used.due_at {
        Some(due_at) => firings::get(client, id, due_at).await?,
        None => None,
    };
    let firing = firing.filter(|firing| firing.id.as_uuid() == used.made);
    Ok(Triggered {
        firing: firing.ok_or(Error::NotFound(id))?,
        replayed: true,
    })
}
