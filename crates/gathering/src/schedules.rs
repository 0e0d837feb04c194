//! Schedules, as those see them who may.

mod week;

pub use week::{Week, WeekRow};
