//! Real clusters, started, killed and started again. One process each where a process is killed.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod accounts;
mod crashes;
mod leftovers;
mod lifecycle;
mod process;
mod scratch;
mod sharing;
