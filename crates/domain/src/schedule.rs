//! Schedules: when they are due, and what becomes of each due time. Functions of (rules, state, now), without a clock.
//!
//! [`rules::Rules`] are what somebody wrote down; [`timetable::Timetable`] is what they come to; [`plan::Plan`] is what they mean at a moment.
//! [`turns::Turns`] says whose schedules come first where many are due.

mod never;
mod origin;
pub mod plan;
mod policy;
mod reading;
pub mod rules;
mod state;
pub mod times;
mod timetable;
pub mod turns;

pub use origin::{Origin, UnknownOrigin};
pub use policy::{Misfire, MisfirePolicy, Overlap};
pub use reading::ScheduleProblem;
pub use state::{Outcome, State};
pub use timetable::{Recurrence, Timetable};

/// The most firings of a schedule that wait at once; what comes beyond is skipped, and says so.
pub const MAX_BUFFERED: u32 = 1_000;
