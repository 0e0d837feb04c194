//! Why a cron pattern cannot be used.

use super::zone::UnknownZone;

/// The longest pattern, in bytes.
pub const MAX_PATTERN: usize = 256;

/// Why a pattern cannot be used, and what would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronProblem {
    /// There is nothing in it.
    #[error("the pattern is empty; write five fields, minute hour day-of-month month day-of-week, as in `0 9 * * 1-5`")]
    Empty,
    /// It is longer than [`MAX_PATTERN`].
    #[error("the pattern is longer than {MAX_PATTERN} bytes")]
    TooLong,
    /// It is cut in too few or too many pieces.
    #[error(
        "the pattern has {0} fields; it takes five, minute hour day-of-month month day-of-week, or six with seconds before them, or seven with \
         years after those"
    )]
    FieldCount(usize),
    /// One of its fields is wrong.
    #[error("{field}: {reason}")]
    Field {
        /// Which one, in words, as `day of month`.
        field: &'static str,
        /// What is wrong with it, and what would do.
        reason: String,
    },
    /// `@reboot`, which is an event and no time.
    #[error("`@reboot` is not a time, and a schedule is due at times; start the pipeline where the system starts")]
    Reboot,
    /// It begins with `@`, and is no name of a pattern.
    #[error(
        "`{0}` is no name of a pattern; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly"
    )]
    UnknownName(String),
    /// It is no pattern for another reason.
    #[error("this is no cron pattern: {0}")]
    Malformed(String),
    /// There is no such time zone.
    #[error(transparent)]
    UnknownZone(#[from] UnknownZone),
    /// It is a pattern of which no time ever comes.
    #[error(
        "this pattern is never due: no day has all that it asks for, or its years are over, or the clocks of its zone leave its times out"
    )]
    NeverFires,
}
