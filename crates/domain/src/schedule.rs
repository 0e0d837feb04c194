//! Schedules: when they are due, and what becomes of each due time.

pub mod times;
