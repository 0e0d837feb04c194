//! The one HTTP client that all outgoing calls share.

mod answer;
mod client;
mod failure;
mod outgoing;
mod retry_after;
mod transport;

pub use client::{HttpClient, HttpOptions};
pub use transport::ClientError;
