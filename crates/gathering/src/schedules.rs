//! Use cases of schedules: check, save, read, pause, fire, and why one does not fire.

mod action;
mod asking;
mod calendar;
mod definition;
mod fire;
mod operator;
mod payload;
mod preview;
mod reading;
mod rules;
mod saving;
mod view;
mod week;
mod why;

pub use asking::{AskedFiring, Backfill};
pub use calendar::WeekQuery;
pub use definition::ScheduleCheck;
pub(crate) use fire::FireRuns;
pub use operator::ScheduleOperator;
pub use preview::due_times;
pub use reading::ScheduleQuery;
pub use rules::{ScheduleDst, ScheduleMisfire, ScheduleRules};
pub use saving::{CreatedSchedule, NewSchedule};
pub use view::{Firing, FiringPage, MissedFirings, Schedule, SchedulePause, ScheduleStatus, UnknownScheduleStatus};
pub use week::{Week, WeekRow};
pub use why::{BlockerFacts, ScheduleBlocker, ScheduleWhy};
