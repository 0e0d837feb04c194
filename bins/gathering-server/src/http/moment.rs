//! A time in a query or a body.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// What it must be.
pub(super) const SHAPE: &str = "a time as in 2026-01-31T12:00:00Z, of the years 1 to 9999";

/// A time that the database has as well: it knows none before the year -4712.
pub(super) struct Moment(pub(super) Timestamp);

/// Not one.
#[derive(Debug)]
pub(super) struct NoMoment;

impl Default for Moment {
    /// Stands in for one that is missing, until the request is refused for that.
    fn default() -> Self {
        Self(Timestamp::UNIX_EPOCH)
    }
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let time: Timestamp = text.parse().map_err(|_malformed| NoMoment)?;
        let year = time.to_zoned(jiff::tz::TimeZone::UTC).year();
        if (1..=9999).contains(&year) {
            return Ok(Self(time));
        }
        Err(NoMoment)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|_none: NoMoment| serde::de::Error::custom("no such time"))
    }
}
