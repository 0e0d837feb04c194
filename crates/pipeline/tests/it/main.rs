//! The engine against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod appends;
mod breakers;
mod cancel_runs;
mod cancels;
mod clocks;
mod crashes;
mod decisions;
mod fencing;
mod handlers;
mod kinds;
mod outages;
mod processes;
mod quarantine;
mod queue;
mod retention;
mod runs;
mod schedules;
mod schemas;
mod start_batches;
mod starts;
mod stats;
mod support;
