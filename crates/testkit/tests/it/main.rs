//! The tools of the other tests, tried themselves.
#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;
mod faults;
mod history;
mod reading;
mod receiving;
mod serving;
