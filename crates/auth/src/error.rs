//! What can go wrong with accounts, in the kinds that an HTTP edge answers differently.

use std::fmt;
use std::time::Duration;

use gathering_domain::policy::{Missing, ProjectRole};
use gathering_domain::{ProjectId, UserId};

use crate::accounts::RegistrationMode;
use crate::password::HashError;
use crate::tokens::{KeyError, TokenError};

/// What can go wrong with accounts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unknown address, wrong password or disabled user: nobody learns which. HTTP: 401.
    #[error("the email address or the password is wrong")]
    InvalidCredentials,
    /// The password is right, and a code of the second factor is to be sent with it. HTTP: 401.
    #[error("a code of the second factor is needed as well: send it as totp")]
    TotpRequired,
    /// The password is right, and the code is wrong or was used before. HTTP: 401.
    #[error("the code is wrong or was used already; wait for the next one, or use a recovery code")]
    InvalidTotp,
    /// The password is right, and too many codes were wrong; a recovery code is taken all the same. HTTP: 429 with Retry-After.
    #[error("too many codes were wrong; try again in {} s, or use a recovery code", .retry_after.as_secs().max(1))]
    TotpLocked {
        /// When codes are looked at again.
        retry_after: Duration,
    },
    /// The user has a second factor already. HTTP: 409.
    #[error("a second factor is enabled already; disable it first")]
    TotpAlreadyEnabled,
    /// The user has no second factor, or has not begun to set one up. HTTP: 409.
    #[error("no second factor is enabled, or being set up; begin with POST /api/v1/auth/totp")]
    TotpNotEnabled,
    /// Strangers may not make accounts here. HTTP: 403.
    #[error("registration is {mode} on this server; ask its administrator for an account")]
    RegistrationClosed {
        /// How the server is set.
        mode: RegistrationMode,
    },
    /// Fields of the request break a rule; all of them are listed. HTTP: 422.
    #[error("{} of the fields are not acceptable: {}", .problems.len(), Listed(.problems))]
    Invalid {
        /// One per broken rule.
        problems: Vec<FieldProblem>,
    },
    /// Too many passwords wait to be hashed. HTTP: 503 with Retry-After.
    #[error("too many logins at once; try again in {} s", .retry_after.as_secs())]
    Busy {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The access token was refused. HTTP: 401.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The refresh token is unknown, was used before, or belongs to a session that is over: nobody learns which. HTTP: 401.
    #[error("the refresh token is not valid; log in again")]
    InvalidRefreshToken,
    /// A token names a key that is not known here, and the keys could not be read just now. HTTP: 503 with Retry-After.
    #[error("the signing keys could not be read a moment ago; try again in {} s", .retry_after.as_secs())]
    KeysUnavailable {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// Whoever asks may not do this any more. HTTP: 403, or 404 where it must not be seen (`missing` is `None`).
    #[error("not allowed any more")]
    Denied {
        /// What was to be done, as in `put_member`.
        action: &'static str,
        /// What is lacking.
        missing: Option<Missing>,
    },
    /// It takes a login, and an API key came. HTTP: 403.
    #[error("no API key may do this; log in")]
    LoginNeeded,
    /// It would take away what is still needed. HTTP: 409.
    #[error("{0}")]
    StillNeeded(StillNeeded),
    /// The user is a member of the project already. HTTP: 409.
    #[error("user {user} is a member of this project already, as {role}")]
    AlreadyMember {
        /// The user.
        user: UserId,
        /// What the user is there.
        role: ProjectRole,
    },
    /// The Idempotency-Key was used to make something else. HTTP: 422.
    #[error("the idempotency key was used for project {0}, which was asked for with other words")]
    KeyReused(ProjectId),
    /// There are as many as there may be. HTTP: 409.
    #[error("{what}: there may be {most}, and there are; take one away first")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: i64,
    },
    /// There is no such signing key.
    #[error("there is no signing key {0}")]
    UnknownKey(String),
    /// So many signing keys were made of late that one more would be too many.
    #[error(
        "there are {keys} signing keys whose tokens may be alive; make the next one when those have expired, in half an hour"
    )]
    TooManyKeys {
        /// How many there are.
        keys: usize,
    },
    /// There is no such user, or the user is disabled. HTTP: 401 where the id came from a token.
    #[error("there is no active user {0}")]
    UnknownUser(UserId),
    /// A setting of the builder is out of bounds.
    #[error("the setting {setting} is not acceptable: {message}")]
    Setting {
        /// The builder's method.
        setting: &'static str,
        /// What is wrong, and what is accepted.
        message: String,
    },
    /// The operating system refused the threads that hash passwords.
    #[error("the threads that hash passwords could not be started; lower the setting hashing.threads")]
    Threads(#[source] std::io::Error),
    /// A password could not be hashed or compared. HTTP: 500.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A token could not be signed. HTTP: 500.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database failed. HTTP: 503 while it is out of reach, else 500.
    #[error("the accounts could not be read from or written to the database")]
    Database(#[from] gathering_persistence::Error),
}

impl Error {
    /// Whether it is the caller's doing, and so something to be written down.
    pub(crate) fn is_callers(&self) -> bool {
        match self {
            Self::RegistrationClosed { .. }
            | Self::Invalid { .. }
            | Self::Denied { .. }
            | Self::LoginNeeded
            | Self::AlreadyMember { .. }
            | Self::KeyReused(_)
            | Self::StillNeeded(_)
            | Self::LimitReached { .. }
            | Self::UnknownUser(_)
            | Self::Token(_) => true,
            // What else callers do wrong is written where it is found.
            Self::InvalidCredentials
            | Self::TotpRequired
            | Self::InvalidTotp
            | Self::TotpLocked { .. }
            | Self::TotpAlreadyEnabled
            | Self::TotpNotEnabled
            | Self::InvalidRefreshToken
            | Self::Busy { .. }
            | Self::KeysUnavailable { .. }
            | Self::UnknownKey(_)
            | Self::TooManyKeys { .. }
            | Self::Setting { .. }
            | Self::Threads(_)
            | Self::Hash(_)
            | Self::Key(_)
            | Self::Database(_) => false,
        }
    }
}

/// What cannot be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StillNeeded {
    /// Somebody must be able to say who may do what.
    #[error("this is the last administrator; make another one first")]
    LastAdministrator,
    /// A project must have somebody who can say who may do what in it.
    #[error("this is the last owner of the project; make another member an owner first")]
    LastOwner,
    /// Every user has a project of their own.
    #[error("this is the own project of a user, who stays its owner; it cannot be deleted")]
    OwnProject,
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field of the request, as in `email`, `password`, `new_password` or `scopes`.
    pub field: &'static str,
    /// A stable word for programs: `invalid_format`, `invalid_value`, `too_short`, `too_long`, `too_common`, `invalid_characters`, `missing`,
    /// `unknown` or `wrong`.
    pub code: &'static str,
    /// A sentence for people. It never repeats what was sent.
    pub message: String,
}

impl FieldProblem {
    pub(crate) fn new(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            code,
            message: message.into(),
        }
    }
}

/// The problems in one line, for the log.
struct Listed<'a>(&'a [FieldProblem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{} {}", problem.field, problem.code)?;
        }
        Ok(())
    }
}
