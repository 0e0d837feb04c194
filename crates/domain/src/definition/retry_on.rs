//! `retry_on`: which failures are tried again.

use serde_json::Value;

use super::fields::{shown, wrong_type};
use super::problem::{Place, Problems};
use crate::retry::{RetryOn, Statuses};

/// The classes of failures.
const CLASSES: [&str; 3] = ["transient", "timeout", "permanent"];
/// The most entries of a list.
const MAX_ENTRIES: usize = 32;
/// The longest code, in bytes: as much as is kept of one.
const MAX_CODE: usize = 100;
/// What HTTP statuses there can be.
const STATUSES: Statuses = 100..=599;

/// Reads the list; what cannot be read of it is noted and left out.
pub(super) fn read(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<RetryOn> {
    let Value::Array(entries) = value else {
        wrong_type(place, "retry_on", "a list", value, problems);
        return None;
    };
    let told = match entries.len() {
        0 => Some("an empty list means that nothing is tried again; say so with `max_attempts` 1".to_owned()),
        many if many > MAX_ENTRIES => Some(format!(
            "{many} entries are more than the {MAX_ENTRIES} that are allowed; use ranges such as \"500-599\""
        )),
        _ => None,
    };
    if let Some(message) = told {
        problems.add(place, "retry_on", "invalid_value", message);
        return None;
    }
    let (mut on, mut named) = (RetryOn::nothing(), Named::default());
    for (index, entry) in entries.iter().enumerate() {
        if let Err(message) = add(entry, &mut on, &mut named) {
            problems.add(place, &format!("retry_on[{index}]"), "invalid_value", message);
        }
    }
    on.statuses = named.statuses.into();
    on.codes = named.codes.into();
    Some(on)
}

/// What a list names, beside classes.
#[derive(Debug, Default)]
struct Named {
    statuses: Vec<Statuses>,
    codes: Vec<String>,
}

fn add(entry: &Value, on: &mut RetryOn, named: &mut Named) -> Result<(), String> {
    match entry {
        Value::Number(number) => named.statuses.push(status(number.as_u64()).ok_or_else(no_status)?),
        Value::String(text) => return add_text(text, on, named),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return Err(
                "an entry is `transient`, `timeout`, `permanent`, an HTTP status such as 404, a range such as \"500-599\", or an error code"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

fn add_text(text: &str, on: &mut RetryOn, named: &mut Named) -> Result<(), String> {
    match text {
        "transient" => on.transient = true,
        "timeout" => on.timeout = true,
        "permanent" => on.permanent = true,
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => named.statuses.push(range(text).ok_or_else(no_status)?),
        code => {
            checked_code(code)?;
            named.codes.push(code.to_owned());
        }
    }
    Ok(())
}

/// A code may be any handler's own, so only what is one letter away from a class is taken for a slip.
fn checked_code(code: &str) -> Result<(), String> {
    let is_near = |class: &&&str| code.len() < 20 && strsim::osa_distance(class, &code.to_ascii_lowercase()) <= 1;
    if let Some(class) = CLASSES.iter().find(is_near) {
        return Err(format!(
            "`{}` is no class of failures; did you mean `{class}`?",
            shown(code)
        ));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if code.is_empty() || code.len() > MAX_CODE || !code.chars().all(fits) {
        return Err(format!(
            "`{}` is no error code; use `transient`, `timeout`, `permanent`, an HTTP status, or a code in snake_case such as `connect_failed`",
            shown(code)
        ));
    }
    Ok(())
}

fn status(number: Option<u64>) -> Option<Statuses> {
    let status = u16::try_from(number?).ok().filter(|status| STATUSES.contains(status))?;
    Some(status..=status)
}

fn range(text: &str) -> Option<Statuses> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse().ok().filter(|status| STATUSES.contains(status));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(first..=last)
}

fn no_status() -> String {
    "an HTTP status is a number from 100 to 599, a range of them is written like \"500-599\"".to_owned()
}
