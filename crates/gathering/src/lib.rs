#![doc = include_str!("../README.md")]

mod access;
mod accounts;
mod administration;
mod api_keys;
mod breakers;
mod builder;
mod code;
pub mod database;
mod error;
mod handlers;
mod inspector;
mod instances;
mod pipelines;
mod projects;
mod quarantine;
mod running;
mod runs;
mod schedules;
mod second_factor;
mod signing_keys;
mod stats;

pub use gathering_auth::{
    Account, AccountStats, Accounts, ApiKey, AuditEntry, AuditFilter, AuditFlaw, AuditPage, AuditReport, Client,
    CreatedProject, Credential, HashingStats, Identity, Invitation, IssuedTokens, Jwks, MadeApiKey, MadeInvitation,
    Member, NewApiKey, NewInvitation, Operator, Project, PutMember, RecoveryCodes, RegistrationMode as Registration,
    RotatedKey, SecondFactorState, Session, SigningKey, StillNeeded, TotpEnrolment, User,
};
pub use gathering_domain::breaker::{BreakerStatus, UnknownBreakerStatus};
pub use gathering_domain::definition::Problem;
pub use gathering_domain::duration::{format_duration, parse_duration};
pub use gathering_domain::measure;
pub use gathering_domain::name::{Name, NameProblem, steers_text};
pub use gathering_domain::policy::{
    AccountAction, Missing, ProjectAction, ProjectRole, Role, Scope, Scopes, ServerAction,
};
pub use gathering_domain::schedule::times::{UnknownZone, zone};
pub use gathering_domain::{
    ApiKeyId, BreakerId, CancelPlace, Clock, Entropy, FiringId, InvitationId, Json, NoTraceContext, NodeStatus,
    PipelineId, ProjectId, RunId, RunStatus, ScheduleId, SessionId, SpanId, TraceContext, TraceId, UnknownStatus,
    UserId,
};
pub use gathering_persistence::{Page, PageRequest, SystemClock, SystemEntropy};
pub use gathering_pipeline::{
    AttemptStats, BreakerChange, BreakerSummary, BreakerView, Call, CancelPart, CancelProgress, CancelReport,
    ConfigProblem, CreatedPipeline, EngineStats, EntryPlace, Handler, HandlerError, InstanceView, JournalEntry, Limits,
    NodeReport, PipelineSummary, PipelineView, QuarantinePage, QuarantinedNode, RunFilter, RunHead, RunSummary,
    RunView, is_idempotency_key,
};
pub use gathering_scheduler::{FiringQuery, FiringStatus, Origin, ScheduleFilter, SchedulerStats, UnknownFiringStatus};
pub use gathering_tools::OutboundPolicy;
pub use uuid::Uuid;

pub use accounts::NewAccount;
pub use breakers::BreakerQuery;
pub use builder::Builder;
pub use code::Code;
pub use error::{Error, FieldProblem, Kind};
pub use inspector::Inspector;
pub use pipelines::{NewPipeline, PipelineChange, PipelineQuery};
pub use running::{Gathering, Handle};
pub use runs::{CancelRuns, NewRun, RunQuery, StartedRun};
pub use schedules::{
    AskedFiring, Backfill, BlockerFacts, CreatedSchedule, Firing, FiringPage, MissedFirings, NewSchedule, Schedule,
    ScheduleBlocker, ScheduleCheck, ScheduleDst, ScheduleMisfire, ScheduleOperator, SchedulePause, ScheduleQuery,
    ScheduleRules, ScheduleStatus, ScheduleWhy, UnknownScheduleStatus, Week, WeekQuery, WeekRow, due_times,
};
pub use stats::{PoolStats, Stats};
