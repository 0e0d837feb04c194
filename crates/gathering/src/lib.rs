#![doc = include_str!("../README.md")]

mod access;
mod accounts;
mod breakers;
mod builder;
mod code;
pub mod database;
mod error;
mod handlers;
mod inspector;
mod instances;
mod pipelines;
mod quarantine;
mod running;
mod runs;
mod second_factor;
mod signing_keys;

pub use gathering_auth::{
    Account, AuditFlaw, AuditReport, Client, Identity, IssuedTokens, Jwks, RecoveryCodes,
    RegistrationMode as Registration, RotatedKey, SecondFactorState, Session, SigningKey, TotpEnrolment,
};
pub use gathering_domain::breaker::{BreakerStatus, UnknownBreakerStatus};
pub use gathering_domain::definition::Problem;
pub use gathering_domain::duration::{format_duration, parse_duration};
pub use gathering_domain::{
    BreakerId, CancelPlace, Clock, Entropy, Json, NodeStatus, PipelineId, ProjectId, RunId, RunStatus, SessionId,
    UnknownStatus, UserId,
};
pub use gathering_persistence::{Page, PageRequest, SystemClock, SystemEntropy};
pub use gathering_pipeline::{
    BreakerChange, BreakerSummary, BreakerView, Call, CancelPart, CancelProgress, CancelReport, ConfigProblem,
    EntryPlace, Handler, HandlerError, InstanceView, JournalEntry, Limits, NodeReport, PipelineSummary, PipelineView,
    QuarantinePage, QuarantinedNode, RunFilter, RunHead, RunSummary, RunView, is_idempotency_key,
};
pub use gathering_tools::OutboundPolicy;
pub use uuid::Uuid;

pub use accounts::NewAccount;
pub use breakers::BreakerQuery;
pub use builder::Builder;
pub use code::Code;
pub use error::{Error, FieldProblem, Kind};
pub use inspector::Inspector;
pub use pipelines::{NewPipeline, PipelineChange};
pub use running::{Gathering, Handle};
pub use runs::{CancelRuns, NewRun, RunQuery, StartedRun};
