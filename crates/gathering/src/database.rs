//! The database that everything lives in: connect to it, and bring it up to this release.

pub use gathering_persistence::{ConnectOptions, Error, Migrated, Pool, check_migrated, connect, mark, migrate};
