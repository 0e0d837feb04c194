//! What was due while nobody looked.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::series::Series;

/// How many due times are counted one by one.
pub const MAX_COUNTED: usize = 10_000;

/// What was due between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missed {
    /// The last ones, in order.
    pub times: Vec<Timestamp>,
    /// Those before them.
    pub before: Option<Before>,
}

impl Missed {
    /// One more, after all others; of the times told in full the last `keep` stay.
    pub fn push(&mut self, at: Timestamp, keep: usize) {
        self.times.push(at);
        if self.times.len() > keep {
            let oldest = self.times.remove(0);
            self.tell_together(oldest);
        }
    }

    /// One more, before all others; of the times told in full the last `keep` stay.
    pub fn prepend(&mut self, at: Timestamp, keep: usize) {
        if let Some(before) = &mut self.before {
            before.first = at;
            before.count = before.count.map(|count| count + 1);
        } else if self.times.len() < keep {
            self.times.insert(0, at);
        } else {
            self.tell_together(at);
        }
    }

    /// One more of those that are told together, after all of them.
    pub fn tell_together(&mut self, at: Timestamp) {
        let before = self.before.get_or_insert(Before {
            first: at,
            last: at,
            count: Some(0),
        });
        before.last = at;
        before.count = before.count.map(|count| count + 1);
    }

    /// The last one of all.
    pub fn last(&self) -> Option<Timestamp> {
        let together = self.before.as_ref().map(|before| before.last);
        self.times.last().copied().or(together)
    }
}

/// Due times that are told together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The first one.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
    /// How many; `None` for more than [`MAX_COUNTED`].
    pub count: Option<u64>,
}

/// Counted from the front while that is cheap; else the last ones are searched for.
pub(super) fn missed(series: &Series, after: Timestamp, until: Timestamp, keep: usize) -> Missed {
    let keep = keep.min(MAX_COUNTED);
    let whole = Look::new(series, (after, until), keep, keep + MAX_COUNTED);
    let Some(first) = whole.first else {
        return Missed::default();
    };
    if whole.is_complete {
        let count = u64::try_from(whole.count.saturating_sub(keep)).ok();
        return whole.split(keep, first, count);
    }
    last_ones(series, (after, until), keep).split(keep, first, None)
}

/// A look that saw more than `keep`, up to the end, and not many more: by bisection of where it begins.
fn last_ones(series: &Series, (after, until): (Timestamp, Timestamp), keep: usize) -> Look {
    let most = 4 * keep + 64;
    let (mut too_many, mut too_few) = (after, until);
    loop {
        let (early, late) = (too_many.as_nanosecond(), too_few.as_nanosecond());
        let middle = Timestamp::from_nanosecond(early.midpoint(late)).unwrap_or(too_many);
        let look = Look::new(series, (middle, until), keep, most);
        // Between neighbouring instants there is one due time at most, so that the bisection has ended before it comes to them.
        if look.is_complete && look.count > keep || late - early <= 1 {
            return look;
        }
        if look.is_complete {
            too_few = middle;
        } else {
            too_many = middle;
        }
    }
}

/// What is seen on a walk.
#[derive(Debug)]
struct Look {
    first: Option<Timestamp>,
    /// One more than is kept.
    last: VecDeque<Timestamp>,
    count: usize,
    /// Whether it came to the end before it had seen too many.
    is_complete: bool,
}

impl Look {
    fn new(series: &Series, (after, until): (Timestamp, Timestamp), keep: usize, most: usize) -> Self {
        let mut look = Self {
            first: None,
            last: VecDeque::with_capacity(keep + 1),
            count: 0,
            is_complete: true,
        };
        for due in series.walk(after).take_while(|due| *due <= until) {
            if look.count == most {
                look.is_complete = false;
                break;
            }
            look.first.get_or_insert(due);
            if look.last.len() > keep {
                look.last.pop_front();
            }
            look.last.push_back(due);
            look.count += 1;
        }
        look
    }

    /// The last ones in full, and what came before them, of which this look may have seen a part.
    fn split(mut self, keep: usize, first: Timestamp, count: Option<u64>) -> Missed {
        let last = if self.last.len() > keep {
            self.last.pop_front()
        } else {
            None
        };
        Missed {
            before: last.map(|last| Before { first, last, count }),
            times: self.last.into(),
        }
    }
}
