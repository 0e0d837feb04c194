#![doc = include_str!("../README.md")]

mod access;
mod accounts;
mod builder;
mod code;
pub mod database;
mod error;
mod handlers;
mod input;
mod pipelines;
mod run_status;
mod running;
mod runs;

pub use gathering_auth::{Account, Identity, IssuedTokens, RegistrationMode as Registration};
pub use gathering_domain::definition::Problem;
pub use gathering_domain::duration::{format_duration, parse_duration};
pub use gathering_domain::{Clock, Entropy, Json, PipelineId, ProjectId, RunId, UserId};
pub use gathering_persistence::{Page, PageRequest, SystemClock, SystemEntropy};
pub use gathering_pipeline::{
    Call, CancelReport, ConfigProblem, Handler, HandlerError, JournalEntry, Limits, PipelineSummary, PipelineView,
    RunHead, RunSummary, RunView,
};
pub use gathering_tools::OutboundPolicy;
pub use uuid::Uuid;

pub use accounts::NewAccount;
pub use builder::Builder;
pub use code::Code;
pub use error::{Error, FieldProblem, Kind};
pub use input::is_idempotency_key;
pub use pipelines::{NewPipeline, PipelineChange};
pub use run_status::{RunStatus, UnknownStatus};
pub use running::{Gathering, Handle};
pub use runs::{NewRun, RunQuery, StartedRun};
