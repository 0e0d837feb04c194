//! What may be typed after `gathering schedules`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gathering::{FiringStatus, Name, ProjectId, ScheduleId, ScheduleStatus};
use jiff::Timestamp;
use jiff::civil::Date;

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// Print when a pattern is due next; needs no database
    Next(NextArgs),
    #[command(flatten)]
    InDatabase(InDatabase),
}

/// What takes the database of the server.
#[derive(Debug, Subcommand)]
pub(crate) enum InDatabase {
    /// Print the schedules of all projects, the youngest first
    List {
        /// Only those of this project
        #[arg(long, value_name = "ID")]
        project: Option<ProjectId>,
        /// Only those that are active, paused or ended
        #[arg(long)]
        status: Option<ScheduleStatus>,
        /// Only those that are called exactly so
        #[arg(long)]
        name: Option<Name>,
        /// Print JSON instead of columns
        #[arg(long)]
        json: bool,
    },
    /// Print a schedule as JSON, as `GET /api/v1/schedules/{id}` does
    Show {
        /// The schedule
        id: ScheduleId,
    },
    /// Check a schedule without saving it, and print its next ten times: exit code 1 if it could not be saved
    Validate(ValidateArgs),
    #[command(flatten)]
    Change(Change),
    /// Pause a schedule: due times pass without firing, and are not made up for
    Pause {
        /// The schedule
        id: ScheduleId,
        /// Why, for people
        reason: String,
    },
    /// Let a schedule go on, with its next due time
    Resume {
        /// The schedule
        id: ScheduleId,
    },
    /// Have a schedule fire once now, beside what is due; a server has to be at work
    Trigger {
        /// The schedule
        id: ScheduleId,
    },
    /// Have a schedule fire for due times that have passed: those that were missed, skipped, or never came
    Backfill {
        /// The schedule
        id: ScheduleId,
        /// From this moment on, as in 2026-11-01T00:00:00Z
        from: Timestamp,
        /// Up to this moment, which does not count
        until: Timestamp,
    },
    /// Print what became of the due times of a schedule, the latest first
    Firings(FiringsArgs),
    /// Say why a schedule does not fire, or not now
    Why {
        /// The schedule
        id: ScheduleId,
        /// Print JSON instead of sentences
        #[arg(long)]
        json: bool,
    },
    /// Draw seven days of schedules as lines of text, or as a picture
    Week(WeekArgs),
}

impl InDatabase {
    /// Whether it comes to the same when it is done twice, because the database went away before it could be told what came of it.
    pub(super) const fn may_be_repeated(&self) -> bool {
        match self {
            Self::List { .. } | Self::Show { .. } | Self::Firings(_) | Self::Why { .. } | Self::Week(_) => true,
            // The file may be the standard input, which is read once; the others change something.
            Self::Validate(_)
            | Self::Change(_)
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::Trigger { .. }
            | Self::Backfill { .. } => false,
        }
    }
}

/// What changes what a schedule is.
#[derive(Debug, Subcommand)]
pub(crate) enum Change {
    /// Save a schedule, which is due from then on, and print it as JSON
    Create(CreateArgs),
    /// Change a schedule: the file is all of it, but for its pause, which stays; print it as JSON
    Update(UpdateArgs),
    /// Delete a schedule: nothing fires any more; what has started goes on
    Delete {
        /// The schedule
        id: ScheduleId,
        /// Only if this is its revision, as `show` prints it
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(1..))]
        revision: Option<i32>,
    },
}

/// The flags of `gathering schedules create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// A file with the schedule in JSON, as `POST /api/v1/schedules` takes it; - for standard input
    pub(crate) file: PathBuf,
    /// The project in which it will live, where the file does not say so with `project_id`
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<ProjectId>,
}

/// The flags of `gathering schedules update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The schedule
    pub(crate) id: ScheduleId,
    /// A file with the schedule in JSON, as `PUT /api/v1/schedules/{id}` takes it and `show` prints it; - for standard input
    pub(crate) file: PathBuf,
    /// Only if this is its revision, as `show` prints it, so that nobody's change is lost
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) revision: Option<i32>,
}

/// The flags of `gathering schedules validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// A file with the schedule in JSON, as `POST /api/v1/schedules` takes it; - for standard input
    pub(crate) file: PathBuf,
    /// The project in which it would live, where the file does not say: that of its pipeline
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<ProjectId>,
    /// Print JSON instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `gathering schedules next`.
#[derive(Debug, Args)]
pub(crate) struct NextArgs {
    /// The pattern, as in '0 3 * * *' or @daily
    pub(crate) pattern: String,
    /// On the clocks of which zone
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) timezone: String,
    /// How many times
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) number: u16,
    /// After which moment [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) after: Option<Timestamp>,
    /// What becomes of times that the clocks leave out: shift or skip
    #[arg(long, default_value = "shift")]
    pub(crate) gap: String,
    /// What becomes of times that the clocks show twice: first, second or both
    #[arg(long, default_value = "first")]
    pub(crate) fold: String,
    /// Print JSON instead of columns
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `gathering schedules firings`.
#[derive(Debug, Args)]
pub(crate) struct FiringsArgs {
    /// The schedule
    pub(crate) id: ScheduleId,
    /// Only those that have become this: buffered, started, succeeded, failed, cancelled, skipped or missed
    #[arg(long)]
    pub(crate) status: Option<FiringStatus>,
    /// At most as many
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) number: u32,
    /// Print JSON instead of columns
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `gathering schedules week`.
#[derive(Debug, Args)]
pub(crate) struct WeekArgs {
    /// Only this schedule [default: all of them]
    pub(crate) id: Option<ScheduleId>,
    /// Only those of this project
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    pub(crate) project: Option<ProjectId>,
    /// The first of the seven days [default: today]
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<Date>,
    /// On whose clocks [default: those of the one schedule, else UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// How many columns the text has
    #[arg(long, value_name = "COLUMNS", default_value_t = 100, value_parser = clap::value_parser!(u16).range(40..=230))]
    pub(crate) width: u16,
    /// Write a picture into this file instead
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}
