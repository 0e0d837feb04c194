//! What a use case refused, as a problem.

use gathering::{Error, Missing};

use super::code::Code;
use super::identity::{INSUFFICIENT_SCOPE, INVALID_TOKEN};
use super::problem::{Place, Problem, Wrong};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = Self::new(Code::UseCase(error.code()), error.to_string());
        let problem = match error.retry_after() {
            Some(wait) => problem.with_retry_after(wait),
            None => problem,
        };
        match &error {
            Error::InvalidRequest { problems } => {
                let wrong: Vec<Wrong> = problems.iter().map(wrong).collect();
                problem.with_problems(&wrong)
            }
            Error::InvalidPipeline { problems } => problem.with_problems(problems),
            Error::InvalidToken(_) => problem.with_challenge(INVALID_TOKEN).with_cause(Box::new(error)),
            Error::InvalidCredentials | Error::InvalidRefreshToken | Error::TotpRequired | Error::InvalidTotp => {
                problem.with_challenge("Bearer")
            }
            Error::DatabaseUnavailable(_) | Error::Internal(_) => problem.with_cause(Box::new(error)),
            Error::Forbidden {
                missing: Missing::Scope(_) | Missing::Login | Missing::WholeKey,
                ..
            } => problem.with_challenge(INSUFFICIENT_SCOPE),
            Error::RegistrationClosed(_)
            | Error::Forbidden { .. }
            | Error::StillNeeded(_)
            | Error::AlreadyMember { .. }
            | Error::LimitReached { .. }
            | Error::ProjectNotEmpty { .. }
            | Error::TotpLocked { .. }
            | Error::TotpAlreadyEnabled
            | Error::TotpNotEnabled
            | Error::NotFound { .. }
            | Error::VersionConflict { .. }
            | Error::RevisionConflict { .. }
            | Error::BufferFull { .. }
            | Error::PipelineOfSchedule { .. }
            | Error::RunAlreadyEnded { .. }
            | Error::IdempotencyKeyReused
            | Error::Overloaded { .. }
            | Error::Stopping => problem,
        }
    }
}

fn wrong(problem: &gathering::FieldProblem) -> Wrong {
    Wrong::new(
        Place::Pointer(problem.pointer.clone()),
        problem.code,
        problem.message.clone(),
    )
}
