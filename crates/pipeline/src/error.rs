//! What can go wrong when an engine is asked for something.

use std::time::Duration;

use gathering_domain::definition::{InvalidKindName, Problem};
use gathering_domain::{PipelineId, RunId};

use crate::input::InputProblem;

/// Why the engine did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition is not valid.
    #[error("the definition has {} problem(s), the first: {}", problems.len(), problems.first().map_or("", |first| first.message.as_str()))]
    Invalid {
        /// All of them.
        problems: Vec<Problem>,
    },
    /// A name, label or key breaks a rule.
    #[error("{} of what was asked for cannot be taken: {}", problems.first().map_or("", |first| first.pointer.as_str()), problems.first().map_or("", |first| first.message.as_str()))]
    InvalidInput {
        /// All of them.
        problems: Vec<InputProblem>,
    },
    /// A node type was registered under a name that none can have.
    #[error("`{name}` cannot be the name of a node type: {reason}")]
    InvalidNodeKind {
        /// The name.
        name: String,
        /// Why not, and what would do.
        reason: InvalidKindName,
    },
    /// There is no such pipeline, or it was deleted.
    #[error("there is no pipeline {0}")]
    PipelineNotFound(PipelineId),
    /// The pipeline has no such version.
    #[error("pipeline {id} has no version {version}")]
    VersionNotFound {
        /// The pipeline.
        id: PipelineId,
        /// What was asked for.
        version: i32,
    },
    /// The pipeline was changed since it was read.
    #[error("pipeline {id} is at version {current} now, not at {expected}; read it again")]
    VersionConflict {
        /// The pipeline.
        id: PipelineId,
        /// The version that the caller expected.
        expected: i32,
        /// The version that it has.
        current: i32,
    },
    /// The Idempotency-Key was used to start something else.
    #[error("the idempotency key was used for run {run_id}, which was asked for with other words")]
    KeyReused {
        /// The run that it stands for.
        run_id: RunId,
    },
    /// The Idempotency-Key was used to save something else.
    #[error("the idempotency key was used for pipeline {pipeline_id}, which was asked for with other words")]
    PipelineKeyReused {
        /// The pipeline that it stands for.
        pipeline_id: PipelineId,
    },
    /// The input is larger than the limit.
    #[error("the input has {bytes} bytes, at most {limit} are taken")]
    InputTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The input is nested deeper than the limit.
    #[error("the input is nested {depth} levels deep, at most {limit} are taken")]
    InputTooDeep {
        /// Its depth.
        depth: usize,
        /// The limit.
        limit: usize,
    },
    /// More starts wait for their commit than the limit allows.
    #[error("too many runs are being started at once; try again in {retry_after:?}")]
    Overloaded {
        /// When.
        retry_after: Duration,
    },
    /// The engine stopped before it could tell whether the work was done.
    #[error("the engine is stopping")]
    Stopping,
    /// The pool has fewer connections than a working engine needs.
    #[error("the pool has at most {size} connection(s), a working engine needs {needed}; raise its max_size")]
    PoolTooSmall {
        /// What it has.
        size: usize,
        /// What is needed.
        needed: usize,
    },
    /// Limits make no sense.
    #[error("the limits make no sense: {}", told(problems))]
    Limits {
        /// All that is wrong with them.
        problems: Vec<crate::LimitProblem>,
    },
    /// The engine was started twice.
    #[error("this engine was started already; build another one")]
    AlreadyStarted,
    /// The stored definition cannot be read by this release.
    #[error("the stored definition of pipeline {id} version {version} cannot be read: {reason}")]
    Unreadable {
        /// The pipeline.
        id: PipelineId,
        /// The version.
        version: i32,
        /// Why.
        reason: String,
    },
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] gathering_persistence::Error),
}

impl From<Vec<Problem>> for Error {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Invalid { problems }
    }
}

fn told(problems: &[crate::LimitProblem]) -> String {
    let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// An error with its causes, for a log line.
pub(crate) fn chain(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
