#![doc = include_str!("../README.md")]

mod ambient;
mod id;

pub use ambient::{Clock, Entropy};
pub use id::{InstanceId, PipelineId, ProjectId, RunId, SessionId, UserId};
