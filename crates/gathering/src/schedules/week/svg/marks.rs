//! Ticks, and where they would touch, bands.

use jiff::Timestamp;

/// How near, in tenths of a pixel, two ticks may stand.
pub(super) const APART: i64 = 40;
/// Half of how wide a tick is.
pub(super) const HALF: i64 = 13;

/// What is drawn of one due time, or of several that stand close together.
#[derive(Debug)]
pub(super) struct Mark {
    /// Where the first and the last due time are, in tenths of a pixel.
    first: i64,
    last: i64,
    /// When the first one is.
    pub(super) at: Timestamp,
    last_at: Timestamp,
    pub(super) count: usize,
    /// How many milliseconds lie between any two neighbours, where those are equally many and there are two.
    pub(super) pace: Option<i64>,
}

impl Mark {
    pub(super) fn start(&self) -> i64 {
        self.first - HALF
    }

    pub(super) fn end(&self) -> i64 {
        self.last + HALF
    }

    pub(super) fn middle(&self) -> i64 {
        i64::midpoint(self.first, self.last)
    }

    /// A mark for one due time.
    pub(super) fn is_tick(&self) -> bool {
        self.count == 1
    }

    /// How much time it covers, in milliseconds.
    pub(super) fn duration(&self) -> i64 {
        self.last_at.as_millisecond() - self.at.as_millisecond()
    }

    fn new(at: Timestamp, x: i64) -> Self {
        Self {
            first: x,
            last: x,
            at,
            last_at: at,
            count: 1,
            pace: None,
        }
    }

    fn extend(&mut self, at: Timestamp, x: i64) {
        let gap = at.as_millisecond() - self.last_at.as_millisecond();
        self.pace = match self.pace {
            None if self.count == 1 => Some(gap).filter(|gap| *gap > 0),
            pace => pace.filter(|pace| *pace == gap),
        };
        self.last = x;
        self.last_at = at;
        self.count += 1;
    }
}

/// The marks of some due times, of which `place` says where they are.
pub(super) fn marks(times: &[Timestamp], place: impl Fn(Timestamp) -> i64) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for at in times {
        let x = place(*at);
        match marks.last_mut() {
            Some(mark) if x - mark.last < APART => mark.extend(*at, x),
            _ => marks.push(Mark::new(*at, x)),
        }
    }
    marks
}
