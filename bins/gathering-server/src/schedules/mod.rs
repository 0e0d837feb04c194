//! `gathering schedules`: looks at schedules, and changes them, for whoever has the settings of the server.

mod change;
mod command;
mod next;
mod print;
mod work;
mod written;

pub(crate) use self::command::SchedulesCommand;
pub(crate) use self::next::next;
pub(crate) use self::work::run;
