//! From the language's values to JSON, within a size.

use std::io;

use minijinja::value::ValueKind;
use minijinja::{Output, Value};

use super::error::reason;
use super::language::{Budget, MAX_OUTPUT_BYTES};
use crate::json::Json;

/// The reason given for a value that is larger than it may be.
const TOO_LARGE: &str = "its value is larger than the 1 MiB it may be";

/// A buffer that refuses to grow beyond [`MAX_OUTPUT_BYTES`].
#[derive(Debug, Default)]
struct Capped {
    bytes: Vec<u8>,
    full: bool,
}

impl Capped {
    /// What was written, or the reason why that was not all.
    fn finish(self, failure: Option<String>) -> Result<String, String> {
        match (self.full, failure) {
            (true, _) => Err(TOO_LARGE.to_owned()),
            (false, Some(failure)) => Err(failure),
            (false, None) => String::from_utf8(self.bytes).map_err(|error| error.to_string()),
        }
    }
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full |= self.bytes.len() + bytes.len() > MAX_OUTPUT_BYTES;
        if self.full {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets JSON be written into the output of a template.
pub(super) struct JsonWriter<'a, 'o>(pub(super) &'a mut Output<'o>);

impl io::Write for JsonWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The serializer writes whole characters, so that this never splits one.
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The JSON of a value, or why it has none.
pub(crate) fn to_json(value: &Value) -> Result<Json, String> {
    let mut buffer = Capped::default();
    let failure = serde_json::to_writer(&mut buffer, value).err();
    let text = buffer.finish(failure.map(|error| error.to_string()))?;
    Json::from_text(text).map_err(|error| error.to_string())
}

/// A text with the values of its expressions put in, or why it has none.
pub(crate) fn write_text(source: &str, view: &Value, budget: Budget) -> Result<String, String> {
    let mut buffer = Capped::default();
    let failure = budget
        .language()
        .template_from_str(source)
        .and_then(|template| template.render_captured_to(view.clone(), &mut buffer).map(drop))
        .err();
    buffer.finish(failure.map(|error| reason(&error)))
}

/// A value in a few words, for a message.
pub(super) fn described(value: &Value) -> String {
    let kind = value.kind();
    if value.is_number() {
        return format!("a number ({value})");
    }
    match (kind, value.as_str()) {
        (_, Some(text)) => format!("a string ({})", text.chars().take(40).collect::<String>()),
        (ValueKind::None, _) => "null".to_owned(),
        (ValueKind::Undefined, _) => "not defined".to_owned(),
        (ValueKind::Seq | ValueKind::Iterable, _) => "a list".to_owned(),
        (ValueKind::Map, _) => "an object".to_owned(),
        _ => kind.to_string(),
    }
}
