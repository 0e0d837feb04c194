#![doc = include_str!("../README.md")]

mod asking;
mod changing;
mod ending;
mod error;
mod fairness;
mod firing;
mod firings;
mod handle;
mod keys;
mod limits;
mod on_fire;
mod pausing;
mod running;
mod saving;
mod schedule;
mod scheduler;
mod shared;
mod stats;
mod upkeep;
mod why;

pub use asking::Backfilled;
pub use ending::Ended;
pub use error::Error;
pub use firing::Looked;
pub use firings::{FiringPage, FiringQuery};
pub use futures::future::BoxFuture;
pub use gathering_domain::name::Name;
pub use gathering_domain::schedule::rules::{IntervalMode, Kind, Rules};
pub use gathering_domain::schedule::times::{Dst, Fold, Gap};
pub use gathering_domain::schedule::{Misfire, MisfirePolicy, Origin, Outcome, Overlap, ScheduleProblem};
pub use gathering_domain::{Clock, Entropy, FiringId, Json, ProjectId, ScheduleId, UserId};
/// What [`Error::Database`] holds.
pub use gathering_persistence::Error as DatabaseError;
pub use gathering_persistence::firings::{FiringRow, FiringStatus, UnknownFiringStatus};
pub use gathering_persistence::schedules::PauseRow as Pause;
pub use gathering_persistence::{
    ConnectOptions, Migrated, Page, PageRequest, Pool, SystemEntropy, Transaction, connect,
    migrate_schedules as migrate,
};
pub use handle::Handle;
pub use jiff::Timestamp;
pub use keys::{OnceKey, Triggered};
pub use limits::{LimitProblem, Limits};
pub use on_fire::{FireError, Fired, Fires, Firing, OnFire};
pub use schedule::{NewSchedule, Phase, ScheduleFilter, ScheduleView, UpdateSchedule};
pub use scheduler::{Scheduler, SchedulerBuilder};
pub use stats::SchedulerStats;
pub use why::{Blocker, Why};
