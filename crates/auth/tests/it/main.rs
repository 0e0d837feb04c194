//! Accounts against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api_keys;
mod audit;
mod invitations;
mod keys;
mod login;
mod projects;
mod registration;
mod roles;
mod rotation;
mod schema;
mod second_factor;
mod sessions;
mod support;
