//! The binary `gathering`, tried from outside: over HTTP, as a process, against a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod answers;
mod api;
mod audit;
mod auth;
mod bodies;
mod breakers;
mod breakers_under_strain;
mod cancel;
mod cancel_runs;
mod command_line;
mod compression;
mod cors;
mod demo;
mod docs;
mod faults;
mod fencing;
mod heads;
mod idempotency;
mod keys;
mod large;
mod limits;
mod metrics;
mod otlp;
mod outage;
mod overload;
mod permissions;
mod pipelines;
mod problems;
mod process;
mod quarantine;
mod retries;
mod roles;
mod runs;
mod schedules;
mod schedules_command;
mod second_factor;
mod secrets;
mod sessions;
mod shared_limits;
mod strangers;
mod support;
mod tls;
mod traces;
mod validation;
