//! Durations as people write them: `"500ms"`, `"30s"`, `"5m"`, `"1h"`, `"1d"`, or ISO 8601.

use std::time::Duration;

use jiff::Span;

const SECOND: u128 = 1_000_000_000;
/// The short units, with their length in nanoseconds; a day is 24 hours.
const UNITS: [(&str, u128); 5] = [
    ("ms", SECOND / 1000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
    ("d", 86_400 * SECOND),
];
/// The longest duration there is: 10 years of 365 days.
pub const MAX_DURATION: Duration = Duration::from_hours(3650 * 24);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Neither a number with a unit nor ISO 8601.
    #[error("`{0}` is no duration; write it like \"500ms\", \"30s\", \"5m\", \"1h\", \"1d\" or \"PT30S\"")]
    Malformed(String),
    /// Years and months have no fixed length.
    #[error("`{0}` counts in years or months, which have no fixed length; use days")]
    Calendar(String),
    /// Time only goes forward.
    #[error("`{0}` is negative; a duration is zero or more")]
    Negative(String),
    /// Beyond [`MAX_DURATION`].
    #[error("`{0}` is longer than the 10 years that a duration may last")]
    TooLong(String),
}

/// Reads a duration: digits and one of the units ms, s, m, h, d, or ISO 8601 in weeks, days and time.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let nanoseconds = if unsigned.starts_with(['P', 'p']) {
        iso(text)?
    } else {
        short(text)?
    };
    to_duration(nanoseconds)
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| DurationError::TooLong(shown(text)))
}

/// Writes a duration so that [`parse_duration`] reads the same one, in the largest unit that divides it.
pub fn format_duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    UNITS
        .iter()
        .rev()
        .find(|(_, length)| nanoseconds.is_multiple_of(*length))
        .map_or_else(
            || format!("PT{}.{:09}S", duration.as_secs(), duration.subsec_nanos()),
            |(unit, length)| format!("{}{unit}", nanoseconds / length),
        )
}

fn short(text: &str) -> Result<u128, DurationError> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() && text.starts_with('-') && text.len() > 1 {
        return match short(&text[1..]) {
            Ok(_) => Err(DurationError::Negative(shown(text))),
            Err(_) => Err(DurationError::Malformed(shown(text))),
        };
    }
    let length = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, length)| length);
    match (length, number.is_empty()) {
        // More digits than a u64 holds are too long in every unit.
        (Some(length), false) => number
            .parse::<u64>()
            .map(|number| u128::from(number) * length)
            .or(Err(DurationError::TooLong(shown(text)))),
        _ => Err(DurationError::Malformed(shown(text))),
    }
}

fn iso(text: &str) -> Result<u128, DurationError> {
    // A longer text is no duration, and its parser need not see it.
    let span: Span = Some(text)
        .filter(|text| text.len() <= 64)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| DurationError::Malformed(shown(text)))?;
    if span.is_negative() {
        return Err(DurationError::Negative(shown(text)));
    }
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(DurationError::Calendar(shown(text)));
    }
    let days = i128::from(span.get_weeks()) * 7 + i128::from(span.get_days());
    let hours = days * 24 + i128::from(span.get_hours());
    let seconds = (hours * 60 + i128::from(span.get_minutes())) * 60 + i128::from(span.get_seconds());
    let millis = seconds * 1000 + i128::from(span.get_milliseconds());
    let micros = millis * 1000 + i128::from(span.get_microseconds());
    let nanos = micros * 1000 + i128::from(span.get_nanoseconds());
    u128::try_from(nanos).or(Err(DurationError::Negative(shown(text))))
}

fn to_duration(nanoseconds: u128) -> Option<Duration> {
    let seconds = u64::try_from(nanoseconds / SECOND).ok()?;
    let rest = u32::try_from(nanoseconds % SECOND).ok()?;
    Some(Duration::new(seconds, rest))
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
