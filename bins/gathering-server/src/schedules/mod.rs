//! `gathering schedules`: looks at schedules, and changes how they stand, for whoever has the settings of the server.

mod command;
mod next;
mod print;
mod work;

pub(crate) use self::command::SchedulesCommand;
pub(crate) use self::next::next;
pub(crate) use self::work::run;
