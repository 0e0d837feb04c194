//! The audit: who did what, in a chain of hashes that anybody can follow.

mod chain;
mod denials;
mod reading;
mod verify;

use std::borrow::Cow;
use std::fmt::Display;

use gathering_domain::{SessionId, UserId};
use gathering_persistence::Transaction;
use gathering_persistence::audit::{AuditRow, append_in, lock_head_in};
use jiff::Timestamp;

pub(crate) use denials::Denials;
pub use reading::{AuditEntry, AuditPage};
pub use verify::{AuditFlaw, AuditReport, verify_audit};

use crate::Error;
use crate::accounts::Client;

/// The most characters of a subject and of a detail.
const MAX_TEXT: usize = 500;
const MAX_ADDRESS: usize = 64;
const MAX_REQUEST_ID: usize = 200;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Register,
    Login,
    Refresh,
    ReuseRefreshToken,
    Logout,
    LogoutEverywhere,
    EndSession,
    ChangePassword,
    Disable,
    Enable,
    SetRole,
    ResetPassword,
    CreateUser,
    Invite,
    WithdrawInvitation,
    CreateApiKey,
    EndApiKey,
    CreateProject,
    RenameProject,
    DeleteProject,
    PutMember,
    RemoveMember,
    TotpEnrolled,
    TotpEnabled,
    TotpDisabled,
    RecoveryCodesRenewed,
    RecoveryCodeUsed,
    SigningKeyRotated,
    SigningKeyRetired,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::ReuseRefreshToken => "reuse_refresh_token",
            Self::Logout => "logout",
            Self::LogoutEverywhere => "logout_everywhere",
            Self::EndSession => "end_session",
            Self::ChangePassword => "change_password",
            Self::Disable => "disable_user",
            Self::Enable => "enable_user",
            Self::SetRole => "set_role",
            Self::ResetPassword => "reset_password",
            Self::CreateUser => "create_user",
            Self::Invite => "invite",
            Self::WithdrawInvitation => "withdraw_invitation",
            Self::CreateApiKey => "create_api_key",
            Self::EndApiKey => "end_api_key",
            Self::CreateProject => "create_project",
            Self::RenameProject => "rename_project",
            Self::DeleteProject => "delete_project",
            Self::PutMember => "put_member",
            Self::RemoveMember => "remove_member",
            Self::TotpEnrolled => "totp_enrolled",
            Self::TotpEnabled => "totp_enabled",
            Self::TotpDisabled => "totp_disabled",
            Self::RecoveryCodesRenewed => "recovery_codes_renewed",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::SigningKeyRotated => "signing_key_rotated",
            Self::SigningKeyRetired => "signing_key_retired",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done.
    Done,
    /// It was not done, because something about it was wrong.
    Failed,
    /// It was not done, because whoever asked may not.
    Denied,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

/// Something that happened, on its way into the audit.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    action: Cow<'static, str>,
    outcome: Outcome,
    actor: Option<UserId>,
    session: Option<SessionId>,
    subject: Option<String>,
    detail: Option<String>,
}

impl Event {
    pub(crate) fn done(action: Action) -> Self {
        Self::named(action.as_str(), Outcome::Done)
    }

    /// Something that has a name of its own, as in `start_run`.
    pub(crate) fn named(action: impl Into<Cow<'static, str>>, outcome: Outcome) -> Self {
        Self {
            action: action.into(),
            outcome,
            actor: None,
            session: None,
            subject: None,
            detail: None,
        }
    }

    pub(crate) fn failed(action: Action) -> Self {
        Self {
            outcome: Outcome::Failed,
            ..Self::done(action)
        }
    }

    /// The same, of which nothing came unless `done`.
    pub(crate) fn if_done(self, done: bool) -> Self {
        let outcome = if done { self.outcome } else { Outcome::Failed };
        Self { outcome, ..self }
    }

    /// The same, which whoever asked may not do.
    pub(crate) fn denied(self) -> Self {
        Self {
            outcome: Outcome::Denied,
            ..self
        }
    }

    /// Who did it, in which session.
    pub(crate) fn by(self, actor: UserId, session: impl Into<Option<SessionId>>) -> Self {
        Self {
            actor: Some(actor),
            session: session.into(),
            ..self
        }
    }

    /// To what it was done.
    pub(crate) fn to(self, subject: &(impl Display + ?Sized)) -> Self {
        Self {
            subject: kept(&subject.to_string(), MAX_TEXT),
            ..self
        }
    }

    /// What else there is to say.
    pub(crate) fn saying(self, detail: &(impl Display + ?Sized)) -> Self {
        Self {
            detail: kept(&detail.to_string(), MAX_TEXT),
            ..self
        }
    }
}

/// Writes an event as the last thing of a transaction, which commits next.
pub(crate) async fn note_in(tx: &Transaction<'_>, event: Event, client: &Client, at: Timestamp) -> Result<(), Error> {
    let head = lock_head_in(tx).await?;
    let bounded = |text: &Option<String>, most| text.as_deref().and_then(|text| kept(text, most));
    let mut row = AuditRow {
        seq: head.seq + 1,
        // As the database keeps it, for the hash to be the same when it is read again.
        at: chain::to_the_microsecond(at),
        action: event.action.into_owned(),
        outcome: event.outcome.as_str().to_owned(),
        actor: event.actor,
        session: event.session,
        subject: event.subject,
        address: bounded(&client.address, MAX_ADDRESS),
        request_id: bounded(&client.request_id, MAX_REQUEST_ID),
        detail: event.detail,
        hash: head.hash,
    };
    row.hash = chain::hash(&head.hash, &row);
    Ok(append_in(tx, &row).await?)
}

/// What of a text can be kept: no NUL, which the database does not take, and no more than so many characters.
fn kept(text: &str, most: usize) -> Option<String> {
    let text: String = text.chars().filter(|letter| *letter != '\0').take(most).collect();
    (!text.is_empty()).then_some(text)
}
