#![doc = include_str!("../README.md")]

mod config;
mod context;
mod error;
mod http;
mod outbound;

pub use config::call_api::{CallApi, check_call_api};
pub use config::notification::{SendNotification, check_send_notification};
pub use config::reader::ConfigProblem;
pub use config::target::target_of;
pub use context::CallContext;
pub use error::{ToolError, ToolErrorKind};
pub use http::{ClientError, HttpClient, HttpOptions};
pub use outbound::{AllowListError, OutboundPolicy};
