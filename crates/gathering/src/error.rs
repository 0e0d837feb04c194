//! What a use case answers when it does not do what it was asked for.

use std::fmt;
use std::time::Duration;

use gathering_domain::definition::Problem;
use gathering_domain::policy::{Missing, ProjectRole};
use gathering_domain::{PipelineId, RunId, RunStatus, ScheduleId, UserId};
use serde::Serialize;

use crate::{Code, Registration, StillNeeded};

/// When trying again makes sense while the database is away.
const DATABASE_RETRY: Duration = Duration::from_secs(2);
/// When another instance, or this one after its restart, takes what a stopping engine refused.
const STOPPING_RETRY: Duration = Duration::from_secs(1);

/// A use case that failed. Its `Display` is safe to show to the caller; its sources are for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The access token was refused.
    #[error("the access token is not valid; log in for a new one")]
    InvalidToken(#[source] gathering_auth::Error),
    /// Unknown address, wrong password or disabled user: nobody learns which.
    #[error("the email address or the password is wrong")]
    InvalidCredentials,
    /// The refresh token is unknown, was used before, or belongs to a session that is over: nobody learns which.
    #[error("the refresh token is not valid; log in again")]
    InvalidRefreshToken,
    /// The password is right, and a code of the second factor is to be sent with it.
    #[error("the password is right, and a code of the second factor is needed as well; send it as `totp`")]
    TotpRequired,
    /// The password is right, and the code is wrong or was used before.
    #[error("the code is wrong or was used already; wait for the next one, or use a recovery code")]
    InvalidTotp,
    /// The password is right, and too many codes were wrong.
    #[error("too many codes were wrong; try again in {} s, or use a recovery code", .retry_after.as_secs().max(1))]
    TotpLocked {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The user has a second factor already.
    #[error(
        "a second factor is enabled already; disable it with POST /api/v1/auth/totp/disable before you set up another"
    )]
    TotpAlreadyEnabled,
    /// The user has no second factor, or has not begun to set one up.
    #[error("no second factor is enabled, nor being set up; begin with POST /api/v1/auth/totp")]
    TotpNotEnabled,
    /// Strangers may not open accounts here.
    #[error("registration is {0} on this server; ask its administrator for an account")]
    RegistrationClosed(Registration),
    /// The caller may not do this, and may know that it is there.
    #[error("you may not {}: {}", .action.replace('_', " "), Lacking(*.missing))]
    Forbidden {
        /// What was to be done, as in `start_run`.
        action: &'static str,
        /// What the caller lacks.
        missing: Missing,
    },
    /// Fields break a rule.
    #[error("the request breaks a rule; `problems` says which, and where")]
    InvalidRequest {
        /// All of them.
        problems: Vec<FieldProblem>,
    },
    /// The definition of a pipeline breaks a rule.
    #[error("the definition breaks a rule; `problems` says which, with node and field")]
    InvalidPipeline {
        /// All of them, in the order of the definition.
        problems: Vec<Problem>,
    },
    /// There is no such thing, or it is not the caller's to see: nobody learns which.
    #[error("there is no {kind} {id} here")]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// Under which id.
        id: String,
    },
    /// The pipeline has another version than the caller expects.
    #[error(
        "the latest version of the pipeline is {current}; read it, and send your change with If-Match: \"{current}\""
    )]
    VersionConflict {
        /// The version that it has.
        current: i32,
    },
    /// The schedule has another revision than the caller expects.
    #[error("the schedule is at revision {current}; read it, and send your change with If-Match: \"{current}\"")]
    RevisionConflict {
        /// The revision that it has.
        current: i32,
    },
    /// As many firings of the schedule wait as may.
    #[error(
        "{waiting} firings of schedule {id} wait already, and at most {limit} may; ask for fewer, or wait until some of them have ended"
    )]
    BufferFull {
        /// The schedule.
        id: ScheduleId,
        /// How many wait.
        waiting: u32,
        /// How many may.
        limit: u32,
    },
    /// The same Idempotency-Key came with another request.
    #[error("the Idempotency-Key came with another request before; use a new key for a new request")]
    IdempotencyKeyReused,
    /// It would take away what is still needed.
    #[error(transparent)]
    StillNeeded(StillNeeded),
    /// The user is a member of the project already.
    #[error(
        "user {user} is a member of this project already, as {role}; change that with PUT at the member's own path"
    )]
    AlreadyMember {
        /// The user.
        user: UserId,
        /// What the user is there.
        role: ProjectRole,
    },
    /// There are as many as there may be.
    #[error("{what}: there may be {most}, and there are; take one away first")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: i64,
    },
    /// The project has something in it.
    #[error("the project has {left}; delete or end them first")]
    ProjectNotEmpty {
        /// What is in it.
        left: &'static str,
    },
    /// The pipeline is the action of a schedule.
    #[error("pipeline {id} is the action of schedule {schedule_id}; change, trigger or delete that schedule instead")]
    PipelineOfSchedule {
        /// The pipeline.
        id: PipelineId,
        /// The schedule.
        schedule_id: ScheduleId,
    },
    /// The run ended by itself before it could be cancelled.
    #[error("run {id} is {status}; what has ended cannot be cancelled")]
    RunAlreadyEnded {
        /// The run.
        id: RunId,
        /// How it ended.
        status: RunStatus,
    },
    /// There is more work than this instance can take.
    #[error("there is more work than this server can take; try again in {} s", .retry_after.as_secs().max(1))]
    Overloaded {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// This instance ends, and starts nothing any more.
    #[error("this instance is shutting down; ask another one, or this one after its restart")]
    Stopping,
    /// The database cannot be reached, or has no connection free.
    #[error("the database is not available, or did not get to it in time; try again in a moment")]
    DatabaseUnavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of the product.
    #[error("the server failed; its log says why, under the request id")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A kind of thing that has an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A project.
    Project,
    /// A pipeline, or a version of one.
    Pipeline,
    /// A run.
    Run,
    /// A node of a run.
    Node,
    /// A circuit breaker.
    Breaker,
    /// A schedule.
    Schedule,
    /// A session.
    Session,
    /// A user.
    User,
    /// A member of a project.
    Member,
    /// An API key.
    ApiKey,
    /// An invitation.
    Invitation,
    /// A signing key.
    SigningKey,
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Which, as a JSON pointer: `/name`.
    pub pointer: String,
    /// What kind of mistake, for programs.
    pub code: &'static str,
    /// What is wrong and what would be right; it never repeats a secret.
    pub message: String,
}

impl Error {
    /// The stable name of what went wrong.
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidToken(_) => Code::InvalidToken,
            Self::InvalidCredentials => Code::InvalidCredentials,
            Self::InvalidRefreshToken => Code::InvalidRefreshToken,
            Self::TotpRequired => Code::TotpRequired,
            Self::InvalidTotp => Code::InvalidTotp,
            Self::TotpLocked { .. } => Code::TotpLocked,
            Self::TotpAlreadyEnabled => Code::TotpAlreadyEnabled,
            Self::TotpNotEnabled => Code::TotpNotEnabled,
            Self::RegistrationClosed(_) => Code::RegistrationClosed,
            Self::Forbidden { .. } => Code::Forbidden,
            Self::InvalidRequest { .. } => Code::InvalidRequest,
            Self::InvalidPipeline { .. } => Code::InvalidPipeline,
            Self::NotFound { .. } => Code::NotFound,
            Self::VersionConflict { .. } => Code::VersionConflict,
            Self::RevisionConflict { .. } => Code::RevisionConflict,
            Self::BufferFull { .. } => Code::BufferFull,
            Self::IdempotencyKeyReused => Code::IdempotencyKeyReused,
            Self::StillNeeded(_) => Code::StillNeeded,
            Self::AlreadyMember { .. } => Code::AlreadyMember,
            Self::LimitReached { .. } => Code::LimitReached,
            Self::ProjectNotEmpty { .. } => Code::ProjectNotEmpty,
            Self::PipelineOfSchedule { .. } => Code::PipelineOfSchedule,
            Self::RunAlreadyEnded { .. } => Code::RunAlreadyEnded,
            Self::Overloaded { .. } => Code::Overloaded,
            Self::Stopping => Code::Draining,
            Self::DatabaseUnavailable(_) => Code::DatabaseUnavailable,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// When trying again makes sense, where it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after } | Self::TotpLocked { retry_after } => Some(*retry_after),
            Self::Stopping => Some(STOPPING_RETRY),
            Self::DatabaseUnavailable(_) => Some(DATABASE_RETRY),
            Self::InvalidToken(_)
            | Self::InvalidCredentials
            | Self::TotpRequired
            | Self::InvalidTotp
            | Self::TotpAlreadyEnabled
            | Self::TotpNotEnabled
            | Self::InvalidRefreshToken
            | Self::RegistrationClosed(_)
            | Self::Forbidden { .. }
            | Self::StillNeeded(_)
            | Self::AlreadyMember { .. }
            | Self::LimitReached { .. }
            | Self::ProjectNotEmpty { .. }
            | Self::InvalidRequest { .. }
            | Self::InvalidPipeline { .. }
            | Self::NotFound { .. }
            | Self::VersionConflict { .. }
            | Self::RevisionConflict { .. }
            | Self::BufferFull { .. }
            | Self::PipelineOfSchedule { .. }
            | Self::RunAlreadyEnded { .. }
            | Self::IdempotencyKeyReused
            | Self::Internal(_) => None,
        }
    }

    pub(crate) fn pipeline_not_found(id: PipelineId) -> Self {
        Self::NotFound {
            kind: Kind::Pipeline,
            id: id.to_string(),
        }
    }

    pub(crate) fn version_not_found(id: PipelineId, version: i32) -> Self {
        Self::not_found(Kind::Pipeline, format_args!("{id} in version {version}"))
    }

    pub(crate) fn not_found(kind: Kind, id: impl fmt::Display) -> Self {
        Self::NotFound {
            kind,
            id: id.to_string(),
        }
    }
}

/// What somebody lacks, as what to do about it.
struct Lacking(Missing);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Missing::Role(role) => write!(f, "that takes the role {role} on this server; ask an administrator"),
            Missing::ProjectRole(role) => write!(f, "that takes the role {role} in the project; ask an owner of it"),
            Missing::Scope(scope) => write!(f, "the API key has not the scope {scope}; use one that has it"),
            Missing::Login => f.write_str("no API key may; log in, and send the access token"),
            Missing::WholeKey => f.write_str("the API key is for one project only; use one that is for all, or log in"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Project => "project",
            Self::Pipeline => "pipeline",
            Self::Run => "run",
            Self::Node => "node",
            Self::Session => "session",
            Self::User => "user",
            Self::Member => "member",
            Self::ApiKey => "API key",
            Self::Invitation => "invitation",
            Self::SigningKey => "signing key",
            Self::Breaker => "breaker",
            Self::Schedule => "schedule",
        })
    }
}

impl From<gathering_persistence::Error> for Error {
    fn from(error: gathering_persistence::Error) -> Self {
        // Also where it is there, but did not get to it in time, because somebody keeps locked what is needed.
        if error.is_unavailable() || error.is_interrupted() {
            Self::DatabaseUnavailable(error.into())
        } else {
            Self::Internal(error.into())
        }
    }
}

impl From<gathering_auth::Error> for Error {
    fn from(error: gathering_auth::Error) -> Self {
        use gathering_auth::Error as Auth;
        match error {
            Auth::InvalidCredentials => Self::InvalidCredentials,
            Auth::InvalidRefreshToken => Self::InvalidRefreshToken,
            Auth::TotpRequired => Self::TotpRequired,
            Auth::InvalidTotp => Self::InvalidTotp,
            Auth::TotpLocked { retry_after } => Self::TotpLocked { retry_after },
            Auth::TotpAlreadyEnabled => Self::TotpAlreadyEnabled,
            Auth::TotpNotEnabled => Self::TotpNotEnabled,
            Auth::RegistrationClosed { mode } => Self::RegistrationClosed(mode),
            Auth::Invalid { problems } => Self::InvalidRequest {
                problems: problems.into_iter().map(FieldProblem::from).collect(),
            },
            Auth::LoginNeeded => Self::Forbidden {
                action: "do_this",
                missing: Missing::Login,
            },
            Auth::Denied {
                action,
                missing: Some(missing),
            } => Self::Forbidden { action, missing },
            Auth::Denied { missing: None, .. } => Self::NotFound {
                kind: Kind::Project,
                id: "that you asked for".to_owned(),
            },
            Auth::KeyReused(_) => Self::IdempotencyKeyReused,
            Auth::StillNeeded(what) => Self::StillNeeded(what),
            Auth::AlreadyMember { user, role } => Self::AlreadyMember { user, role },
            Auth::LimitReached { what, most } => Self::LimitReached { what, most },
            Auth::Busy { retry_after } => Self::Overloaded { retry_after },
            Auth::KeysUnavailable { .. } => Self::DatabaseUnavailable(error.into()),
            Auth::Token(_) | Auth::UnknownUser(_) => Self::InvalidToken(error),
            Auth::Database(error) => error.into(),
            Auth::UnknownKey(kid) => Self::NotFound {
                kind: Kind::SigningKey,
                id: kid,
            },
            Auth::TooManyKeys { .. } | Auth::Setting { .. } | Auth::Threads(_) | Auth::Hash(_) | Auth::Key(_) => {
                Self::Internal(error.into())
            }
        }
    }
}

impl From<gathering_pipeline::Error> for Error {
    fn from(error: gathering_pipeline::Error) -> Self {
        use gathering_pipeline::Error as Pipeline;
        match error {
            Pipeline::Invalid { problems } => Self::InvalidPipeline { problems },
            Pipeline::InvalidInput { problems } => Self::InvalidRequest {
                problems: problems.into_iter().map(FieldProblem::from).collect(),
            },
            Pipeline::PipelineNotFound(id) => Self::pipeline_not_found(id),
            Pipeline::VersionNotFound { id, version } => Self::version_not_found(id, version),
            Pipeline::VersionConflict { current, .. } => Self::VersionConflict { current },
            Pipeline::KeyReused { .. } | Pipeline::PipelineKeyReused { .. } => Self::IdempotencyKeyReused,
            Pipeline::InputTooLarge { bytes, limit } => Self::InvalidRequest {
                problems: vec![FieldProblem {
                    pointer: "/input".to_owned(),
                    code: "too_large",
                    message: format!("has {bytes} bytes, at most {limit} are taken; pass a URL to large data instead"),
                }],
            },
            Pipeline::InputTooDeep { depth, limit } => Self::InvalidRequest {
                problems: vec![FieldProblem {
                    pointer: "/input".to_owned(),
                    code: "too_deep",
                    message: format!("is nested {depth} levels deep, at most {limit} are taken"),
                }],
            },
            Pipeline::Overloaded { retry_after } => Self::Overloaded { retry_after },
            Pipeline::Stopping => Self::Stopping,
            Pipeline::Database(error) => error.into(),
            Pipeline::AlreadyStarted
            | Pipeline::Limits { .. }
            | Pipeline::PoolTooSmall { .. }
            | Pipeline::InvalidNodeKind { .. }
            | Pipeline::Unreadable { .. } => Self::Internal(error.into()),
        }
    }
}

impl From<gathering_scheduler::Error> for Error {
    fn from(error: gathering_scheduler::Error) -> Self {
        use gathering_scheduler::Error as Scheduler;
        match error {
            Scheduler::Invalid { problems } => Self::InvalidRequest {
                problems: problems.into_iter().map(FieldProblem::from).collect(),
            },
            Scheduler::NotFound(id) => Self::not_found(Kind::Schedule, id),
            Scheduler::RevisionConflict { current, .. } => Self::RevisionConflict { current },
            Scheduler::KeyReused => Self::IdempotencyKeyReused,
            Scheduler::BufferFull { id, waiting, limit } => Self::BufferFull { id, waiting, limit },
            Scheduler::Database(error) => error.into(),
            Scheduler::InvalidLimits { .. } | Scheduler::AlreadyStarted => Self::Internal(error.into()),
        }
    }
}

impl From<gathering_auth::FieldProblem> for FieldProblem {
    fn from(problem: gathering_auth::FieldProblem) -> Self {
        Self {
            pointer: format!("/{}", problem.field),
            code: problem.code,
            message: problem.message,
        }
    }
}

impl From<gathering_pipeline::InputProblem> for FieldProblem {
    fn from(problem: gathering_pipeline::InputProblem) -> Self {
        Self {
            pointer: problem.pointer,
            code: "invalid_value",
            message: problem.message,
        }
    }
}

impl From<gathering_scheduler::ScheduleProblem> for FieldProblem {
    fn from(problem: gathering_scheduler::ScheduleProblem) -> Self {
        let pointer = match problem.pointer() {
            // What an embedder of the scheduler calls its payload is the action here.
            pointer if pointer == "/payload" => "/action".to_owned(),
            pointer => pointer,
        };
        Self {
            pointer,
            code: problem.code,
            message: problem.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_late_for_a_stopping_instance_is_told_to_try_again_and_not_that_there_is_too_much_work() {
        let error = Error::from(gathering_pipeline::Error::Stopping);
        assert_eq!(error.code(), Code::Draining);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    }
}
