//! A duration in a body, as in "30d".

use std::time::Duration;

use gathering::parse_duration;
use serde::{Deserialize, Deserializer};

/// What a field with a duration must be.
pub(super) const SHAPE: &str = r#"a duration, as in "12h" or "30d""#;

/// How long something lasts.
pub(super) struct Lasting(pub(super) Duration);

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Self).map_err(serde::de::Error::custom)
    }
}
