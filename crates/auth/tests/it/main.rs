//! Accounts against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod keys;
mod login;
mod registration;
mod rotation;
mod schema;
mod second_factor;
mod sessions;
mod support;
