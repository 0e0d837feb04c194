//! The filters, tests and functions that make text or lists, in our own version: they take text where the language's own would first write
//! out whole lists, and they stop at the size that a value may have.

use minijinja::{Environment, Error, ErrorKind, Value};

use super::evaluate::{described, to_json};
use super::language::MAX_OUTPUT_BYTES;

/// What is taken away: filters that write out whole lists, or widths without a bound, or are for HTML.
const WITHOUT: [&str; 12] = [
    "attr",
    "batch",
    "chain",
    "e",
    "escape",
    "format",
    "indent",
    "pprint",
    "safe",
    "slice",
    "urlencode",
    "zip",
];
/// Tests taken away: where values lie in memory, HTML, and those that write out whole lists.
const WITHOUT_TESTS: [&str; 6] = ["sameas", "safe", "escaped", "in", "lower", "upper"];

/// The longest range.
const MAX_RANGE: i64 = 10_000;

/// Puts them into the language.
pub(super) fn replace_in(language: &mut Environment<'static>) {
    for name in WITHOUT {
        language.remove_filter(name);
    }
    for name in WITHOUT_TESTS {
        language.remove_test(name);
    }
    language.add_function("range", range);
    language.add_filter("upper", |value: Value| Ok(text(&value)?.to_uppercase()));
    language.add_filter("lower", |value: Value| Ok(text(&value)?.to_lowercase()));
    language.add_filter("capitalize", |value: Value| Ok(capitalize(text(&value)?)));
    language.add_filter("title", |value: Value| Ok(title(text(&value)?)));
    language.add_filter("trim", |value: Value| Ok(text(&value)?.trim().to_owned()));
    language.add_filter("lines", |value: Value| {
        Ok(text(&value)?.lines().map(Value::from).collect::<Vec<_>>())
    });
    language.add_filter("split", split);
    language.add_filter("replace", replace);
    language.add_filter("join", join);
    language.add_filter("string", string);
    language.add_filter("tojson", |value: &Value| json(value));
    language.add_test("startingwith", |text: &str, start: &str| text.starts_with(start));
    language.add_test("endingwith", |text: &str, end: &str| text.ends_with(end));
}

/// `range(end)` or `range(start, end)`.
fn range(first: i64, second: Option<i64>) -> Result<Vec<i64>, Error> {
    let (start, end) = second.map_or((0, first), |end| (first, end));
    if end.saturating_sub(start) > MAX_RANGE {
        let message = format!("a range has at most {MAX_RANGE} numbers");
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    Ok((start..end).collect())
}

/// The text that a filter is given.
fn text(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| {
        let given = described(value);
        Error::new(
            ErrorKind::InvalidOperation,
            format!("text is needed, and this is {given}"),
        )
    })
}

fn title(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).map(capitalize).collect()
}

fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let rest = characters.as_str().to_lowercase();
    first.into_iter().flatten().chain(rest.chars()).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "the language hands values over")]
fn split(value: Value, separator: Option<&str>) -> Result<Vec<Value>, Error> {
    let text = text(&value)?;
    Ok(match separator.filter(|separator| !separator.is_empty()) {
        Some(separator) => text.split(separator).map(Value::from).collect(),
        None => text.split_whitespace().map(Value::from).collect(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the language hands values over")]
fn replace(value: Value, from: &str, to: &str) -> Result<String, Error> {
    let text = text(&value)?;
    let growth = text.matches(from).count().saturating_mul(to.len());
    if text.len().saturating_add(growth) > MAX_OUTPUT_BYTES {
        return Err(too_large());
    }
    Ok(text.replace(from, to))
}

#[expect(clippy::needless_pass_by_value, reason = "the language hands values over")]
fn join(items: Value, separator: Option<&str>) -> Result<String, Error> {
    let separator = separator.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in items.try_iter()?.checked().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&string(&item?)?);
        if joined.len() > MAX_OUTPUT_BYTES {
            return Err(too_large());
        }
    }
    Ok(joined)
}

/// Text as it is, everything else as JSON.
fn string(value: &Value) -> Result<String, Error> {
    value.as_str().map_or_else(|| json(value), |text| Ok(text.to_owned()))
}

fn json(value: &Value) -> Result<String, Error> {
    to_json(value)
        .map(|json| json.text().to_owned())
        .map_err(|reason| Error::new(ErrorKind::InvalidOperation, reason))
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        "the text is larger than the 1 MiB it may be",
    )
}
