#![doc = include_str!("../README.md")]

pub mod api_keys;
pub mod audit;
pub mod breaker_changes;
pub mod breakers;
pub mod cancellations;
mod error;
pub mod firings;
pub mod instances;
pub mod invitations;
mod listener;
mod mark;
mod migrate;
pub mod node_decisions;
pub mod page;
pub mod partitions;
pub mod pipeline_keys;
pub mod pipelines;
mod pool;
pub mod project_keys;
pub mod project_members;
pub mod projects;
pub mod recovery_codes;
pub mod refresh_tokens;
pub mod retention;
pub mod run_journal;
pub mod run_keys;
pub mod runs;
mod safety;
pub mod schedule_keys;
pub mod schedules;
pub mod schema;
pub mod second_factors;
pub mod sessions;
pub mod signing_keys;
mod system;
mod tls;
pub mod transactions;
pub mod users;

pub use deadpool_postgres::{GenericClient, Object as Connection, Pool, Transaction};
pub use error::{Error, Hindrance, hindrance};
pub use listener::Listener;
pub use mark::mark;
pub use migrate::{
    Migrated, check_migrated, migrate, migrate_accounts, migrate_pipelines, migrate_schedules, migrations_hash,
};
pub use page::{Page, PageRequest};
pub use pool::{ConnectOptions, acquire, connect, ping};
pub use safety::Safety;
pub use system::{SystemClock, SystemEntropy};
