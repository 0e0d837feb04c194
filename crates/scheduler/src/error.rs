//! What can go wrong when a scheduler is asked for something.

use gathering_domain::ScheduleId;
use gathering_domain::schedule::ScheduleProblem;

use crate::LimitProblem;

/// Why the scheduler did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What a schedule says breaks a rule.
    #[error("{} of the schedule cannot be taken: {}", problems.first().map_or("", |first| first.field.as_str()), problems.first().map_or("", |first| first.message.as_str()))]
    Invalid {
        /// All of them.
        problems: Vec<ScheduleProblem>,
    },
    /// There is no such schedule, or it was deleted.
    #[error("there is no schedule {0}")]
    NotFound(ScheduleId),
    /// The schedule was changed since it was read.
    #[error("schedule {id} is at revision {current} now, not at {expected}; read it again")]
    RevisionConflict {
        /// The schedule.
        id: ScheduleId,
        /// The revision that the caller expected.
        expected: i32,
        /// The revision that it has.
        current: i32,
    },
    /// As many firings wait as may.
    #[error("{waiting} firings of schedule {id} wait already, and at most {limit} may; let some of them end first")]
    BufferFull {
        /// The schedule.
        id: ScheduleId,
        /// How many wait.
        waiting: u32,
        /// How many may.
        limit: u32,
    },
    /// The key was used to ask for something else.
    #[error("the idempotency key was used to ask for something else")]
    KeyReused,
    /// Limits were set that make no sense.
    #[error("the limits of the scheduler make no sense: {}", problems.first().map_or_else(String::new, ToString::to_string))]
    InvalidLimits {
        /// All of them.
        problems: Vec<LimitProblem>,
    },
    /// The scheduler works already.
    #[error("this scheduler works already; stop it first")]
    AlreadyStarted,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] gathering_persistence::Error),
}

impl Error {
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid {
            problems: vec![ScheduleProblem {
                field: field.to_owned(),
                code: "invalid_value",
                message: message.into(),
            }],
        }
    }
}
