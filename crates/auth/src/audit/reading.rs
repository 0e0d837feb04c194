//! The audit as an administrator reads it, and the notes of what was denied.

use gathering_domain::{SessionId, UserId};
use gathering_persistence::Transaction;
use gathering_persistence::audit::{self, AuditFilter, AuditRow};
use jiff::Timestamp;
use serde::Serialize;

use tokio::time::Instant;

use super::{Event, Outcome};
use crate::Error;
use crate::accounts::{Accounts, Identity, Operator};

/// From which number on it stands with a denial how many there were.
const MANY: u64 = 100;

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its number, from 1, without gaps.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What was done: `login`, `logout`, …
    pub action: String,
    /// `done`, `failed` or `denied`.
    pub outcome: String,
    /// The user who did it.
    pub actor: Option<UserId>,
    /// The session or the API key with which it was done.
    pub session: Option<SessionId>,
    /// What it was done to.
    pub subject: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Why it failed, and the like.
    pub detail: Option<String>,
    /// The hash of the row before, and of all of the above, in hexadecimal digits.
    pub hash: String,
}

/// Some rows of the audit.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// The rows, the last ones first.
    pub items: Vec<AuditEntry>,
    /// Before which row the next page begins; `None` on the last one.
    pub next: Option<i64>,
}

impl Accounts {
    /// At most `limit` rows of the audit that match, before this number, the last ones first.
    pub async fn audit(&self, filter: &AuditFilter, before: Option<i64>, limit: u32) -> Result<AuditPage, Error> {
        let connection = self.connection().await?;
        let before = before.unwrap_or(i64::MAX);
        // One more than is wanted: whether it is there tells whether another page follows.
        let mut rows = audit::matching(&connection, filter, before, i64::from(limit) + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.seq);
        Ok(AuditPage {
            items: rows.into_iter().map(AuditEntry::from).collect(),
            next,
        })
    }

    /// Notes that the caller was to do something, and may not.
    ///
    /// To be awaited before the answer, whether there is such a `subject` or not: else the time that it takes would tell.
    ///
    /// Of what one user is denied in a minute the first thirty are written, and then the hundredth, the thousandth and so on, with their number.
    pub async fn note_denied(&self, identity: &Identity, action: &str, subject: &str, why: &str) -> Result<(), Error> {
        let Some(count) = self.denials.count(identity.user_id, Instant::now()) else {
            return Ok(());
        };
        let event =
            Event::named(action.to_owned(), Outcome::Denied).by(identity.user_id, identity.credential.in_audit());
        let event = event.to(subject);
        let event = if count >= MANY {
            event.saying(&format_args!("{why}; the {count}th of this user within a minute"))
        } else {
            event.saying(why)
        };
        self.note(event, &identity.client).await
    }

    /// Notes that an administrator does something in a project where the caller's own role would not allow it.
    pub async fn note_administered(&self, identity: &Identity, action: &str, subject: &str) -> Result<(), Error> {
        let event = Event::named(action.to_owned(), Outcome::Done).by(identity.user_id, identity.credential.in_audit());
        self.note(event.to(subject).saying("as an administrator"), &identity.client)
            .await
    }

    /// Notes that whoever has the command line did something in a project, in the transaction that does it.
    pub async fn note_operated_in(&self, tx: &Transaction<'_>, action: &str, subject: &str) -> Result<(), Error> {
        let event = Event::named(action.to_owned(), Outcome::Done).to(subject);
        self.note_in(tx, event, &Operator::CommandLine.client(), self.clock.now())
            .await
    }
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at,
            action: row.action,
            outcome: row.outcome,
            actor: row.actor,
            session: row.session,
            subject: row.subject,
            address: row.address,
            request_id: row.request_id,
            detail: row.detail,
            hash: super::verify::hex(&row.hash),
        }
    }
}
