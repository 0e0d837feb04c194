#![doc = include_str!("../README.md")]

mod ambient;
pub mod breaker;
mod cancel_place;
pub mod definition;
pub mod duration;
pub mod expression;
pub mod firing;
mod id;
mod json;
pub mod measure;
pub mod name;
pub mod node_event;
pub mod node_state;
mod node_status;
pub mod pipeline;
pub mod planner;
pub mod policy;
pub mod progress;
pub mod quarantine;
pub mod refresh;
pub mod retention;
pub mod retry;
pub mod run_state;
mod run_status;
pub mod schedule;
pub mod scope;
pub mod second_factor;
mod settle;
pub mod signing_key;
pub mod template;
mod trace;
pub mod trial;

pub use ambient::{Clock, Entropy};
pub use cancel_place::{CancelPlace, NoCancelPlace};
pub use id::{
    ApiKeyId, BreakerId, DecisionId, FiringId, InstanceId, InvitationId, PipelineId, ProjectId, RunId, ScheduleId,
    SessionId, UserId,
};
pub use json::Json;
pub use node_status::{NodeStatus, UnknownNodeStatus};
pub use run_status::{RunStatus, UnknownStatus};
pub use trace::{NoTraceContext, SpanId, TraceContext, TraceId};
