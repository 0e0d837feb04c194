//! Cron patterns on the clocks of a time zone.
//!
//! A pattern is matched against what the clocks show, as if they knew no rules; what that means as instants is decided here, span by span, so that lists and
//! ranges obey the same policy as single values.

use std::sync::Arc;

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::dst::{Dst, Fold, Gap};
use super::pattern::{Pattern, whole_second};
use super::problem::CronProblem;
use super::span::{NANOSECOND, Span};
use super::zone::zone;

/// How many spans in a row are looked through that have a matching time near, and yet none that counts; 500 years of changing clocks.
const MAX_SPANS: usize = 1_000;
/// More than clocks of a zone ever differ from UTC and were ever put forward, together.
const MARGIN: SignedDuration = SignedDuration::from_hours(72);

/// A cron pattern, a time zone, and what to do when its clocks are put forward and back.
#[derive(Debug, Clone)]
pub struct CronTimes {
    pattern: Arc<Pattern>,
    zone: TimeZone,
    dst: Dst,
}

impl CronTimes {
    /// Reads a pattern of five fields, six with seconds first, or seven with years last, or a name such as `@daily`; and the IANA name of a time zone.
    ///
    /// Whether it ever fires is for [`CronTimes::check_fires`] to say.
    pub fn parse(pattern: &str, zone_name: &str, dst: Dst) -> Result<Self, CronProblem> {
        let pattern = Arc::new(Pattern::parse(pattern)?);
        let zone = zone(zone_name)?;
        Ok(Self { pattern, zone, dst })
    }

    /// Refuses a pattern that has no due time after this instant. It takes as long as [`CronTimes::next`].
    pub fn check_fires(&self, after: Timestamp) -> Result<(), CronProblem> {
        self.next(after).map(drop).ok_or(CronProblem::NeverFires)
    }

    /// The zone on whose clocks it is due.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first due time after this instant; `None` if there is none any more, up to the year [`LAST_YEAR`](super::LAST_YEAR).
    ///
    /// It is bounded for every pattern: days are searched once in each of the 14 kinds of years, and a thousand changes of clocks at most. As measured: a tenth of
    /// a microsecond for what is due within days, a tenth of a millisecond where there is no such day, a millisecond where skipped gaps leave out all there is.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.next_near(after, &mut None)
    }

    /// The same for whoever walks: the span of the last due time mostly is the one of the next.
    pub(super) fn next_near(&self, after: Timestamp, near: &mut Option<Span>) -> Option<Timestamp> {
        let mut from = after.checked_add(NANOSECOND).ok()?;
        let known = near.filter(|span| span.contains(from));
        let mut span = known.unwrap_or_else(|| Span::of(&self.zone, from));
        for _ in 0..MAX_SPANS {
            *near = Some(span);
            if let Some(due) = self.next_in(&span, from) {
                return Some(due);
            }
            from = self.next_chance(&span)?;
            span = Span::of(&self.zone, from);
        }
        None
    }

    /// The first due time of a span that is not before `from`.
    fn next_in(&self, span: &Span, from: Timestamp) -> Option<Timestamp> {
        if self.dst.gap == Gap::Shift && from <= span.start && self.is_due_in_gap(span) {
            return Some(span.start);
        }
        let (first, end) = self.taken(span);
        let start = from.max(first);
        let found = self.pattern.first_from(whole_second(span.shown(start))?)?;
        let due = span.offset.to_timestamp(found).ok()?;
        end.is_none_or(|end| due < end).then_some(due)
    }

    /// Which part of a span counts: what its clocks show twice counts there, in the neighbour, or in both.
    fn taken(&self, span: &Span) -> (Timestamp, Option<Timestamp>) {
        match self.dst.fold {
            Fold::First => (span.start_of_new(), span.end),
            Fold::Second => (span.start, span.start_of_repeated()),
            Fold::Both => (span.start, span.end),
        }
    }

    fn is_due_in_gap(&self, span: &Span) -> bool {
        let due = |(first, end)| self.pattern.first_from(first).is_some_and(|found| found < end);
        span.left_out().is_some_and(due)
    }

    /// Before this instant, and after the span, nothing can be due; `None` if nothing is due after the span at all.
    fn next_chance(&self, span: &Span) -> Option<Timestamp> {
        let (end, resumed) = (span.end?, span.resumed()?);
        let found = self.pattern.first_from(whole_second(resumed)?)?;
        let near = Offset::UTC.to_timestamp(found).ok()?.checked_sub(MARGIN).ok()?;
        Some(near.max(end))
    }
}
