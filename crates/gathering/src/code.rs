//! The stable names of what can go wrong.

use std::fmt;

/// What kind of thing went wrong, for programs. Each has a page in docs/errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The access token is malformed, expired, revoked or of somebody who is no longer a user.
    InvalidToken,
    /// The email address or the password is wrong.
    InvalidCredentials,
    /// The refresh token is unknown, was used before, or its session is over.
    InvalidRefreshToken,
    /// The password is right, and a code of the second factor is needed as well.
    TotpRequired,
    /// The password is right, and the code of the second factor is wrong.
    InvalidTotp,
    /// The password is right, and too many codes of the second factor were wrong.
    TotpLocked,
    /// The user has a second factor already.
    TotpAlreadyEnabled,
    /// The user has no second factor.
    TotpNotEnabled,
    /// Strangers may not open accounts here.
    RegistrationClosed,
    /// The caller may not do this.
    Forbidden,
    /// A field breaks a rule.
    InvalidRequest,
    /// A definition breaks a rule.
    InvalidPipeline,
    /// There is no such thing, or it is not the caller's to see.
    NotFound,
    /// The pipeline has another version than the caller expects.
    VersionConflict,
    /// The schedule has another revision than the caller expects.
    RevisionConflict,
    /// As many firings of the schedule wait as may.
    BufferFull,
    /// The same Idempotency-Key came with another request.
    IdempotencyKeyReused,
    /// It would take away what is still needed.
    StillNeeded,
    /// The user is a member of the project already.
    AlreadyMember,
    /// There are as many as there may be.
    LimitReached,
    /// The project has something in it.
    ProjectNotEmpty,
    /// The pipeline is the action of a schedule.
    PipelineOfSchedule,
    /// The run ended by itself before it could be cancelled.
    RunAlreadyEnded,
    /// There is more work than this instance can take.
    Overloaded,
    /// The server is shutting down.
    Draining,
    /// The database cannot be reached, or has no connection free.
    DatabaseUnavailable,
    /// A fault of the product.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::InvalidToken,
        Self::InvalidCredentials,
        Self::InvalidRefreshToken,
        Self::TotpRequired,
        Self::InvalidTotp,
        Self::TotpLocked,
        Self::TotpAlreadyEnabled,
        Self::TotpNotEnabled,
        Self::RegistrationClosed,
        Self::Forbidden,
        Self::InvalidRequest,
        Self::InvalidPipeline,
        Self::NotFound,
        Self::VersionConflict,
        Self::RevisionConflict,
        Self::BufferFull,
        Self::IdempotencyKeyReused,
        Self::StillNeeded,
        Self::AlreadyMember,
        Self::LimitReached,
        Self::ProjectNotEmpty,
        Self::PipelineOfSchedule,
        Self::RunAlreadyEnded,
        Self::Overloaded,
        Self::Draining,
        Self::DatabaseUnavailable,
        Self::Internal,
    ];

    /// The name, as in `not_found`; it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidRefreshToken => "invalid_refresh_token",
            Self::TotpRequired => "totp_required",
            Self::InvalidTotp => "invalid_totp",
            Self::TotpLocked => "totp_locked",
            Self::TotpAlreadyEnabled => "totp_already_enabled",
            Self::TotpNotEnabled => "totp_not_enabled",
            Self::RegistrationClosed => "registration_closed",
            Self::Forbidden => "forbidden",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidPipeline => "invalid_pipeline",
            Self::NotFound => "not_found",
            Self::VersionConflict => "version_conflict",
            Self::RevisionConflict => "revision_conflict",
            Self::BufferFull => "buffer_full",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::StillNeeded => "still_needed",
            Self::AlreadyMember => "already_member",
            Self::LimitReached => "limit_reached",
            Self::ProjectNotEmpty => "project_not_empty",
            Self::PipelineOfSchedule => "pipeline_of_schedule",
            Self::RunAlreadyEnded => "run_already_ended",
            Self::Overloaded => "overloaded",
            Self::Draining => "draining",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::Internal => "internal",
        }
    }

    /// A short title for people, the same for every occurrence.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidToken => "The access token is not valid",
            Self::InvalidCredentials => "The email address or the password is wrong",
            Self::InvalidRefreshToken => "The refresh token is not valid",
            Self::TotpRequired => "A code of the second factor is needed",
            Self::InvalidTotp => "The code of the second factor is wrong",
            Self::TotpLocked => "Too many codes of the second factor were wrong",
            Self::TotpAlreadyEnabled => "A second factor is enabled already",
            Self::TotpNotEnabled => "No second factor is enabled",
            Self::RegistrationClosed => "Registration is not open",
            Self::Forbidden => "You may not do this",
            Self::InvalidRequest => "The request is not valid",
            Self::InvalidPipeline => "The pipeline is not valid",
            Self::NotFound => "There is no such thing",
            Self::VersionConflict => "The pipeline has changed",
            Self::RevisionConflict => "The schedule has changed",
            Self::BufferFull => "Too many firings wait",
            Self::IdempotencyKeyReused => "The Idempotency-Key was used for another request",
            Self::StillNeeded => "It is still needed",
            Self::AlreadyMember => "The user is a member already",
            Self::LimitReached => "There are as many as there may be",
            Self::ProjectNotEmpty => "The project is not empty",
            Self::PipelineOfSchedule => "The pipeline belongs to a schedule",
            Self::RunAlreadyEnded => "The run has already ended",
            Self::Overloaded => "The server has too much to do",
            Self::Draining => "The server is shutting down",
            Self::DatabaseUnavailable => "The database is not available",
            Self::Internal => "The server failed",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
