//! The time line of a zone as a row of spans in which its clocks go evenly.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneTransition};
use jiff::{SignedDuration, Timestamp};

/// The least that instants differ by.
pub(super) const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

/// A stretch of the time line in which the clocks of a zone go evenly.
///
/// Where it ends they are put forward, which leaves times out, or back, which shows times twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: Timestamp,
    /// The first moment that is not in it; `None` for the last span.
    pub(super) end: Option<Timestamp>,
    pub(super) offset: Offset,
    /// The offset of the span before; `None` for the first one.
    before: Option<Offset>,
    /// The offset of the next span; `None` for the last one.
    after: Option<Offset>,
}

impl Span {
    /// The one that this instant is in.
    pub(super) fn of(zone: &TimeZone, at: Timestamp) -> Self {
        let offset = zone.to_offset(at);
        // Rules that change something else than the offset are no boundary.
        let (start, before) = zone
            .preceding(at.checked_add(NANOSECOND).unwrap_or(at))
            .map(|change| (change.timestamp(), offset_before(zone, change.timestamp())))
            .find(|(_, before)| *before != offset)
            .map_or((Timestamp::MIN, None), |(start, before)| (start, Some(before)));
        let next = zone.following(at).find(|change| change.offset() != offset);
        Self {
            start,
            end: next.as_ref().map(TimeZoneTransition::timestamp),
            offset,
            before,
            after: next.map(|change| change.offset()),
        }
    }

    pub(super) fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }

    /// What the clocks show.
    pub(super) fn shown(&self, at: Timestamp) -> DateTime {
        self.offset.to_datetime(at)
    }

    /// The times, from the first up to and without the second, that the clocks left out when this span began.
    pub(super) fn left_out(&self) -> Option<(DateTime, DateTime)> {
        let before = self.before.filter(|before| *before < self.offset)?;
        Some((before.to_datetime(self.start), self.shown(self.start)))
    }

    /// From when on the clocks show what the span before has not shown already.
    pub(super) fn start_of_new(&self) -> Timestamp {
        let again = self
            .before
            .map_or(SignedDuration::ZERO, |before| put_back(before, self.offset));
        self.start.checked_add(again).unwrap_or(self.start)
    }

    /// From when on the next span will show it again, if at all.
    pub(super) fn start_of_repeated(&self) -> Option<Timestamp> {
        let (end, after) = (self.end?, self.after?);
        let again = put_back(self.offset, after);
        Some(end.checked_sub(again).unwrap_or(end).max(self.start))
    }

    /// The earliest that clocks show when the next span begins, or have just not shown.
    pub(super) fn resumed(&self) -> Option<DateTime> {
        let end = self.end?;
        let shown = self.shown(end);
        Some(self.after.map_or(shown, |after| shown.min(after.to_datetime(end))))
    }
}

/// By how much the clocks were put back, if they were.
fn put_back(earlier: Offset, later: Offset) -> SignedDuration {
    later.duration_until(earlier).max(SignedDuration::ZERO)
}

fn offset_before(zone: &TimeZone, at: Timestamp) -> Offset {
    zone.to_offset(at.checked_sub(NANOSECOND).unwrap_or(at))
}
