//! JSON that is mostly passed on: its text is kept, shared and parsed only by whoever looks inside.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// One JSON value as text, cheap to clone.
///
/// Numbers keep every digit and objects their order, because nothing in between parses them.
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// The deepest nesting that inputs and outputs may have: what gathers them still stays within the 128 levels that readers take.
    pub const MAX_DEPTH: usize = 100;

    /// The value `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned().into())
    }

    /// Takes over JSON text after checking that it is well formed.
    pub fn from_text(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(|raw| Self(raw.into()))
    }

    /// The JSON of a parsed value.
    pub fn from_value(value: &Value) -> Self {
        // A `Value` always serializes: its keys are strings and its numbers finite.
        Self::serialize(value).unwrap_or_else(|_| Self::null())
    }

    /// The JSON of anything that serializes to it.
    pub fn serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(|raw| Self(raw.into()))
    }

    /// Parses into `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }

    /// Parses into a [`Value`]; text nested deeper than the parser allows (128) gives `null`.
    pub fn to_value(&self) -> Value {
        self.parse().unwrap_or(Value::Null)
    }

    /// The text, without white space around it.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// How deep lists and objects are nested in it: 0 for a number, 1 for `[]`.
    pub fn depth(&self) -> usize {
        let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
        for byte in self.text().bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = in_string,
                b'"' => in_string = !in_string,
                b'[' | b'{' if !in_string => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        deepest
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.text() == "null"
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Equal as values: white space and the order of keys do not count.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text() || self.to_value() == other.to_value()
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self::from_value(&value)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}

/// Any JSON value.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Json {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        Value::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Json {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        for (text, depth) in [
            ("1", 0),
            ("[]", 1),
            (r#"{"a": [1, {"b": []}]}"#, 4),
            (r#"["[[\"[[", 1]"#, 1),
            (r#""[\\""#, 0),
        ] {
            assert_eq!(
                Json::from_text(text.to_owned()).map(|json| json.depth()).ok(),
                Some(depth),
                "{text}"
            );
        }
    }
}
