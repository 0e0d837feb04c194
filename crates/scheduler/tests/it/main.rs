//! The scheduler against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod asking;
mod changing;
mod clocks;
mod endings;
mod fairness;
mod growth;
mod kinds;
mod misfires;
mod overlaps;
mod property;
mod several;
mod spoilt;
mod support;
mod why;
mod working;
