//! A real PostgreSQL for each test: a cluster for the process, a database for the test.

mod admin;
mod cluster;
mod database;
mod slot;
mod template;

pub(crate) use admin::with_client;
pub use cluster::{Shutdown, TestCluster};
pub use database::TestDatabase;
