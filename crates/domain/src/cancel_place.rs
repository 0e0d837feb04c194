//! Where a walk over the runs to cancel has come to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::RunId;

/// Where a walk over the open runs that match a filter goes on; written `NEWEST:NEXT`.
///
/// It goes from newer runs to older ones, and never looks at those that were started after it began: ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelPlace {
    newest: RunId,
    next: RunId,
}

/// A text that is no place of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place is written NEWEST:NEXT, two ids of runs")]
pub struct NoCancelPlace;

impl CancelPlace {
    /// The newest run that the walk looks at.
    pub fn newest(self) -> RunId {
        self.newest
    }

    /// The newest run that it looks at next: any, when it has not begun.
    pub fn next(place: Option<Self>) -> RunId {
        place.map_or(RunId::from(Uuid::max()), |place| place.next)
    }

    /// After a step that saw these runs, newest first; unchanged when it saw none.
    pub fn after(place: Option<Self>, seen: &[RunId]) -> Option<Self> {
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else {
            return place;
        };
        Some(Self {
            newest: place.map_or(*first, |place| place.newest),
            next: Uuid::from_u128(last.as_uuid().as_u128().saturating_sub(1)).into(),
        })
    }

    /// Where the next call goes on, when that many runs are left: nowhere when there are none; at the beginning once the end was reached,
    /// because what is left was locked, or matched only later.
    #[must_use]
    pub fn going_on(self, at_end: bool, left: u32) -> Option<Self> {
        match (left, at_end) {
            (0, _) => None,
            (_, true) => Some(Self {
                next: self.newest,
                ..self
            }),
            (_, false) => Some(self),
        }
    }
}

impl fmt::Display for CancelPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.newest, self.next)
    }
}

impl FromStr for CancelPlace {
    type Err = NoCancelPlace;

    fn from_str(text: &str) -> Result<Self, NoCancelPlace> {
        let (newest, next) = text.split_once(':').ok_or(NoCancelPlace)?;
        let place = newest.parse().ok().zip(next.parse().ok());
        let place = place.map(|(newest, next)| Self { newest, next });
        place.filter(|place| place.next <= place.newest).ok_or(NoCancelPlace)
    }
}

impl Serialize for CancelPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CancelPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(numbers: &[u128]) -> Vec<RunId> {
        numbers.iter().map(|number| Uuid::from_u128(*number).into()).collect()
    }

    #[test]
    fn a_walk_goes_down_from_the_newest_and_begins_again_until_none_is_left() {
        assert_eq!(CancelPlace::after(None, &[]), None);
        let first = CancelPlace::after(None, &runs(&[9, 7])).expect("it saw some");
        assert_eq!(CancelPlace::next(Some(first)), runs(&[6])[0]);
        let second = CancelPlace::after(Some(first), &runs(&[4])).expect("it has begun");
        assert_eq!((second.newest(), second.next), (runs(&[9])[0], runs(&[3])[0]));
        assert_eq!(second.going_on(false, 1), Some(second));
        let again = second.going_on(true, 1).expect("one is left");
        assert_eq!((again.newest, again.next), (second.newest, second.newest));
        assert_eq!(second.going_on(true, 0), None);
    }

    #[test]
    fn a_place_is_read_as_it_was_written_and_nonsense_is_refused() {
        let place = CancelPlace::after(None, &runs(&[9, 7])).expect("it saw some");
        assert_eq!(place.to_string().parse(), Ok(place));
        for nonsense in [
            "",
            ":",
            "x:y",
            &place.newest.to_string(),
            &format!("{}:{}", place.next, place.newest),
        ] {
            assert_eq!(nonsense.parse::<CancelPlace>(), Err(NoCancelPlace), "{nonsense}");
        }
    }
}
