#![doc = include_str!("../README.md")]

mod blocking;
mod breakers;
mod cancel;
mod cancel_runs;
mod engine;
mod entry;
mod error;
mod handle;
mod handler;
mod input;
mod instances;
mod library;
mod limits;
mod pipeline_keys;
mod pipelines;
mod quarantine;
mod queuing;
mod retention;
mod session;
mod shared;
mod start;
mod start_batch;
mod stats;
mod view;
mod wait;

pub use breakers::{BreakerChange, BreakerSummary, BreakerView};
pub use cancel::CancelReport;
pub use cancel_runs::{CancelPart, CancelProgress};
pub use engine::{Engine, EngineBuilder};
pub use error::Error;
pub use futures::future::BoxFuture;
pub use gathering_domain::breaker::{BreakerStatus, UnknownBreakerStatus};
pub use gathering_domain::definition::{ConfigProblem, InvalidKindName, Problem};
pub use gathering_domain::measure::Spread;
pub use gathering_domain::node_event::{Failure, HeldBy};
pub use gathering_domain::{
    BreakerId, CancelPlace, Clock, Entropy, InstanceId, Json, NoTraceContext, NodeStatus, PipelineId, ProjectId, RunId,
    RunStatus, ScheduleId, SpanId, TraceContext, TraceId, UserId,
};
/// What [`Error::Database`] holds.
pub use gathering_persistence::Error as DatabaseError;
pub use gathering_persistence::node_decisions::EntryPlace;
pub use gathering_persistence::runs::{RunFilter, RunOutcome};
pub use gathering_persistence::{
    ConnectOptions, Migrated, Page, PageRequest, Pool, SystemClock, SystemEntropy, Transaction, connect,
    migrate_pipelines as migrate,
};
pub use handle::Handle;
pub use handler::{Call, Handler, HandlerError};
pub use input::{InputProblem, MAX_LABELS, check_labels, is_idempotency_key};
pub use instances::InstanceView;
pub use jiff::Timestamp;
pub use limits::{LimitProblem, Limits};
pub use pipeline_keys::CreatedPipeline;
pub use pipelines::{NewPipeline, PipelineSummary, PipelineView, UpdatePipeline};
pub use quarantine::{NodeDecided, NodeReport, QuarantinePage, QuarantinedNode};
pub use retention::{Forgotten, OldWeek};
pub use start::{StartRun, Started};
pub use start_batch::StartBatch;
pub use stats::{AttemptStats, EngineStats};
pub use tokio_util::sync::CancellationToken;
pub use view::{JournalEntry, NodeView, RunHead, RunSummary, RunView, Waiting};
