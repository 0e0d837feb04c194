#![doc = include_str!("../README.md")]
#![expect(
    clippy::panic,
    reason = "tools of tests: what goes wrong here fails the test, with the reason"
)]

mod authenticator;
pub mod clock;
pub mod definitions;
mod eventually;
pub mod history;
pub mod postgres;
pub mod proxy;
pub mod receiver;
pub mod redis;
pub mod server;

pub use authenticator::Authenticator;
pub use clock::{ManualClock, SeededEntropy};
pub use eventually::{eventually, until};
pub use postgres::{Shutdown, TestCluster, TestDatabase};
pub use proxy::Proxy;
pub use receiver::{Answer, Received, Receiver};
pub use redis::TestRedis;
pub use server::{Client, Response, Server, ServerOptions};
