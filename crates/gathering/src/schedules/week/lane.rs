//! One schedule in the week: which of its due times are shown, and what is said of them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::axis::Axis;
use super::{Week, WeekRow, words};

/// How many columns a name has in a sentence.
const LONG_NAME: usize = 100;
/// The longest pace that is told: beyond it, the times of the day say more.
const SLOWEST: i64 = 6 * 3_600_000;

/// A row as it is drawn.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    /// Cleaned, but neither shortened nor escaped.
    pub(super) name: String,
    pub(super) paused: bool,
    /// Those within the week.
    pub(super) times: &'a [Timestamp],
    pub(super) more: bool,
}

impl<'a> Lane<'a> {
    pub(super) fn new(row: &'a WeekRow, axis: &Axis) -> Self {
        let first = row.times.partition_point(|at| *at < axis.start);
        let inside = &row.times[first..];
        let count = inside.iter().take_while(|at| axis.contains(**at)).count();
        Self {
            name: words::clean(&row.name),
            paused: row.paused,
            times: &inside[..count.min(Week::MAX_TIMES)],
            more: row.more || count > Week::MAX_TIMES,
        }
    }

    /// How often, in few words.
    pub(super) fn summary(&self) -> String {
        let paused = if self.paused { "paused · " } else { "" };
        format!("{paused}{}", self.how_often())
    }

    /// How often, whether or not it is paused.
    pub(super) fn how_often(&self) -> String {
        match (self.times.len(), self.more) {
            (0, false) => "not due".to_owned(),
            (0, true) => "due, not counted".to_owned(),
            (count, false) => words::times(count),
            (count, true) => format!("over {}", words::times(count)),
        }
    }

    /// The pace that most of its due times keep, where all of them are known.
    pub(super) fn pace(&self) -> Option<String> {
        let gaps = self
            .times
            .windows(2)
            .map(|pair| pair[1].as_millisecond() - pair[0].as_millisecond());
        let gaps: Vec<i64> = gaps.collect();
        let pace = gaps.iter().copied().min().filter(|gap| (1..=SLOWEST).contains(gap))?;
        let keep = gaps.iter().filter(|gap| **gap == pace).count();
        match gaps.len() {
            _ if self.more => None,
            ..3 => None,
            all if keep == all => Some(words::every(pace)),
            all if keep * 4 >= all * 3 => Some(format!("mostly {}", words::every(pace))),
            _ => None,
        }
    }

    /// All that the lane shows, for those who do not see it.
    pub(super) fn sentence(&self, zone: &TimeZone) -> String {
        let told = |at: &Timestamp| at.to_zoned(zone.clone()).strftime("%a %-d %b %H:%M").to_string();
        let span = match (self.times, self.more) {
            ([], _) => String::new(),
            ([only], false) => format!(", on {}", told(only)),
            ([first, ..], true) => format!(", the first on {}", told(first)),
            ([first, .., last], false) => format!(", from {} to {}", told(first), told(last)),
        };
        let pace = self.pace().map(|pace| format!(", {pace}"));
        let name = words::shorten(&self.name, LONG_NAME);
        format!("{name}: {}{}{span}.", self.summary(), pace.unwrap_or_default())
    }
}
