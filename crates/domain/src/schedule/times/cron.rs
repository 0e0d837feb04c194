//! Cron patterns on the clocks of a time zone.
//!
//! Patterns are matched against what the clocks show, as if that were the time of a zone without any rules; what that means as instants is decided here, so
//! that lists and ranges obey the same policy as single values. The time line of a zone is a row of spans in which its clocks go evenly; where a span ends they are put forward, which
//! leaves times out, or back, which shows times twice.

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, errors::CronError};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::dst::{Dst, Fold, Gap};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 256;
/// The most spans that are looked through. Zones have two in a year, and no pattern that fires at all leaves more than 400 years out.
const MAX_SPANS: usize = 1_000;

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronProblem {
    /// It is no pattern.
    #[error("this is no cron pattern: {0}")]
    Malformed(String),
    /// There is no such time zone.
    #[error("there is no time zone `{0}`; use a name such as Europe/Berlin or UTC")]
    UnknownZone(String),
    /// It is a pattern of which no time ever comes.
    #[error("this pattern never fires: no day fits it")]
    NeverFires,
}

/// A cron pattern, a time zone, and what to do when its clocks are put forward and back.
#[derive(Debug, Clone)]
pub struct CronTimes {
    cron: Cron,
    zone: TimeZone,
    dst: Dst,
}

/// A stretch of the time line in which the clocks of a zone go evenly.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: Timestamp,
    /// The first moment that is not in it; `None` for the last span.
    end: Option<Timestamp>,
    offset: Offset,
    before: Option<Offset>,
    after: Option<Offset>,
}

impl CronTimes {
    /// Reads a pattern of five fields, six with seconds first, or seven with years last, or one such as `@daily`; and the IANA name of a time zone.
    ///
    /// Whether it ever fires is for [`CronTimes::check_fires`] to say, which may take a while.
    pub fn parse(pattern: &str, zone: &str, dst: Dst) -> Result<Self, CronProblem> {
        if pattern.len() > MAX_PATTERN {
            return Err(CronProblem::Malformed(format!("it is longer than {MAX_PATTERN} bytes")));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Optional)
            .build();
        let cron = parser
            .parse(pattern)
            .map_err(|error| CronProblem::Malformed(reason(&error)))?;
        let zone = TimeZone::get(zone).map_err(|_unknown| CronProblem::UnknownZone(zone.to_owned()))?;
        Ok(Self { cron, zone, dst })
    }

    /// Refuses a pattern that has no due time after this instant.
    pub fn check_fires(&self, after: Timestamp) -> Result<(), CronProblem> {
        self.next(after).map(drop).ok_or(CronProblem::NeverFires)
    }

    /// The first due time after this instant; `None` if there is none any more.
    ///
    /// It walks over days that do not fit: some microseconds for what fires within a year, milliseconds for what never does.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut span = self.span(after);
        let mut from = after.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?;
        for _ in 0..MAX_SPANS {
            if let Some(due) = self.next_in(&span, from) {
                return Some(due);
            }
            let next = span.end?;
            // What the clocks show in the spans before is behind; the pattern says whether anything is ahead.
            self.matching(shown(next, span.offset).datetime(), true)?;
            span = self.span(next);
            from = next;
        }
        None
    }

    /// The first due time of a span that is not before `from`.
    fn next_in(&self, span: &Span, from: Timestamp) -> Option<Timestamp> {
        let gap_is_due = self.dst.gap == Gap::Shift && from <= span.start && self.is_due_in_gap(span);
        if gap_is_due {
            return Some(span.start);
        }
        let (first, last) = self.taken(span);
        let start = from.max(first);
        let found = self.matching(whole_second(shown(start, span.offset)), true)?;
        let due = span.offset.to_timestamp(found).ok()?;
        let in_time = last.is_none_or(|last| due < last);
        (in_time && due >= start).then_some(due)
    }

    /// Which part of a span counts: what its clocks show twice counts there, in the neighbour, or in both.
    fn taken(&self, span: &Span) -> (Timestamp, Option<Timestamp>) {
        let put_back = |earlier: Offset, later: Offset| later.duration_until(earlier);
        let mut first = span.start;
        let mut last = span.end;
        if let (Fold::First, Some(before)) = (self.dst.fold, span.before) {
            // The times that the span before has shown already.
            first = first
                .checked_add(put_back(before, span.offset).max(jiff::SignedDuration::ZERO))
                .unwrap_or(first);
        }
        if let (Fold::Second, Some(after), Some(end)) = (self.dst.fold, span.after, span.end) {
            // The times that the next span will show again.
            let again = put_back(span.offset, after).max(jiff::SignedDuration::ZERO);
            last = Some(end.checked_sub(again).unwrap_or(end).max(span.start));
        }
        (first, last)
    }

    /// Whether the pattern fits a time that was left out when this span began.
    fn is_due_in_gap(&self, span: &Span) -> bool {
        let Some(before) = span.before.filter(|before| *before < span.offset) else {
            return false;
        };
        let (left_out, resumed) = (
            shown(span.start, before).datetime(),
            shown(span.start, span.offset).datetime(),
        );
        self.matching(left_out, true).is_some_and(|found| found < resumed)
    }

    /// The first time on the clocks, from this one on, that the pattern fits.
    fn matching(&self, from: DateTime, inclusive: bool) -> Option<DateTime> {
        let from = from.to_zoned(TimeZone::UTC).ok()?;
        self.cron
            .find_next_occurrence(&from, inclusive)
            .ok()
            .map(|found| found.datetime())
    }

    /// The span that this instant is in.
    fn span(&self, at: Timestamp) -> Span {
        let (offset, zone) = (self.zone.to_offset(at), &self.zone);
        // Rules that change something else than the offset are no boundary.
        let begins = zone.preceding(at.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(at));
        let mut start = (Timestamp::MIN, None);
        for transition in begins {
            let before = offset_before(zone, transition.timestamp());
            if before != offset {
                start = (transition.timestamp(), Some(before));
                break;
            }
        }
        let end = zone.following(at).find(|transition| transition.offset() != offset);
        Span {
            start: start.0,
            end: end.as_ref().map(|transition| transition.timestamp()),
            offset,
            before: start.1,
            after: end.map(|transition| transition.offset()),
        }
    }
}

/// What clocks of this offset show.
fn shown(at: Timestamp, offset: Offset) -> Zoned {
    at.to_zoned(offset.to_time_zone())
}

/// The same, or the next whole second.
fn whole_second(at: Zoned) -> DateTime {
    let time = at.datetime();
    if time.subsec_nanosecond() == 0 {
        return time;
    }
    let whole = time.with().subsec_nanosecond(0).build().unwrap_or(time);
    whole.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(whole)
}

fn offset_before(zone: &TimeZone, at: Timestamp) -> Offset {
    let before = at.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(at);
    zone.to_offset(before)
}

fn reason(error: &CronError) -> String {
    match error {
        CronError::EmptyPattern => "it is empty".to_owned(),
        CronError::InvalidPattern(reason)
        | CronError::IllegalCharacters(reason)
        | CronError::ComponentError(reason) => reason.clone(),
        CronError::InvalidDate | CronError::InvalidTime | CronError::TimeSearchLimitExceeded => error.to_string(),
    }
}
