//! Readers of single values that several tools share.

use std::time::Duration;

use gathering_domain::duration::parse_duration;
use serde_json::Value;

use super::reader::Fault;

/// A text.
pub(crate) fn text(value: &Value) -> Result<&str, Fault> {
    value.as_str().ok_or(Fault::Type("a string"))
}

/// A duration above zero: `500ms`, `30s`, `5m`, `1h`, or ISO 8601 as in `PT30S`.
pub(crate) fn duration(value: &Value) -> Result<Duration, Fault> {
    let wanted = Fault::Type("a string as in \"500ms\", \"30s\", \"5m\" or \"PT30S\"");
    let duration = parse_duration(value.as_str().ok_or(wanted)?).map_err(|error| Fault::Value(error.to_string()))?;
    if duration.is_zero() {
        return Err(Fault::Value("a duration of zero leaves no time at all".to_owned()));
    }
    Ok(duration)
}

/// A number of bytes above zero.
pub(crate) fn bytes(value: &Value) -> Result<usize, Fault> {
    const WANTED: &str = "a whole number of bytes";
    if !value.is_number() {
        return Err(Fault::Type(WANTED));
    }
    let bytes = value
        .as_u64()
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|&bytes| bytes > 0);
    bytes.ok_or_else(|| Fault::Value(format!("this must be {WANTED}, 1 or more")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_read_in_the_forms_of_the_contract() {
        for (written, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("PT30S", 30_000),
            ("PT0.5S", 500),
        ] {
            assert_eq!(
                duration(&json!(written)).unwrap(),
                Duration::from_millis(millis),
                "{written}"
            );
        }
        for written in [
            json!("0s"),
            json!("-1s"),
            json!("soon"),
            json!("30"),
            json!(30),
            json!(""),
        ] {
            assert!(duration(&written).is_err(), "{written}");
        }
    }
}
