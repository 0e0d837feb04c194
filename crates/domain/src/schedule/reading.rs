//! Reading what a schedule says from JSON: every problem is noted, with its place.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::definition::{listed, nearest, shown};
use crate::duration::{format_duration, parse_duration};

/// The most problems that are told at once.
const MAX_PROBLEMS: usize = 100;

/// Something wrong with what a schedule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleProblem {
    /// Where, as in `misfire.window` or `exclude[2]`.
    pub field: String,
    /// What kind of problem, in `snake_case`, the same for all time.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ScheduleProblem {
    /// The place as a JSON pointer (RFC 6901): `/misfire/window`, `/exclude/2`.
    pub fn pointer(&self) -> String {
        let parts = self.field.split(['.', '[', ']']).filter(|part| !part.is_empty());
        let escaped = parts.map(|part| part.replace('~', "~0").replace('/', "~1"));
        escaped.fold(String::new(), |pointer, part| pointer + "/" + &part)
    }
}

/// The problems that were found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<ScheduleProblem>);

impl Problems {
    pub(super) fn add(&mut self, field: impl Into<String>, code: &'static str, message: impl Into<String>) {
        if self.0.len() < MAX_PROBLEMS {
            let (field, message) = (field.into(), message.into());
            self.0.push(ScheduleProblem { field, code, message });
        }
    }

    pub(super) fn invalid(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.add(field, "invalid_value", message);
    }

    /// These as well, but of each place only what was found first.
    pub(super) fn extend(&mut self, more: Vec<ScheduleProblem>) {
        for problem in more {
            if !self.0.iter().any(|known| known.field == problem.field) {
                self.add(problem.field, problem.code, problem.message);
            }
        }
    }

    pub(super) fn into_vec(self) -> Vec<ScheduleProblem> {
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An object of the schedule, and where it stands in it.
#[derive(Debug)]
pub(super) struct Fields<'v, 'p> {
    object: &'v Map<String, Value>,
    prefix: &'static str,
    problems: &'p mut Problems,
}

impl<'v, 'p> Fields<'v, 'p> {
    pub(super) fn new(object: &'v Map<String, Value>, prefix: &'static str, problems: &'p mut Problems) -> Self {
        Self {
            object,
            prefix,
            problems,
        }
    }

    /// Notes every field that is not known.
    pub(super) fn only(&mut self, known: &[&str]) {
        for name in self.object.keys().filter(|name| !known.contains(&name.as_str())) {
            let hint = nearest(name, known.iter().copied()).map_or_else(
                || format!("there are {}", listed(known.iter().copied())),
                |near| format!("did you mean `{near}`?"),
            );
            let name = shown(name);
            let message = format!("there is no field `{name}` here; {hint}");
            self.problems.add(at(self.prefix, &name), "unknown_field", message);
        }
    }

    /// A field that may be left out, or be `null`.
    pub(super) fn get(&self, field: &str) -> Option<&'v Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// Notes a field that is there although it belongs to schedules of another kind.
    pub(super) fn absent(&mut self, field: &str, why: &str) {
        if self.get(field).is_some() {
            self.problems.add(at(self.prefix, field), "not_of_this_kind", why);
        }
    }

    /// Notes that a field is missing.
    pub(super) fn missing(&mut self, field: &str, what: &str) {
        let message = format!("`{field}` is missing: {what}");
        self.problems.add(at(self.prefix, field), "missing_field", message);
    }

    pub(super) fn text(&mut self, field: &str) -> Option<&'v str> {
        let value = self.get(field)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong_type(field, "a string", value);
        }
        text
    }

    pub(super) fn word<T: Copy>(&mut self, field: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(field)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known = listed(words.iter().map(|(word, _)| *word));
            let message = format!("`{}` is not one of {known}", shown(text));
            self.problems.invalid(at(self.prefix, field), message);
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// A duration within these bounds.
    pub(super) fn duration(&mut self, field: &str, least: Duration, most: Duration) -> Option<Duration> {
        let text = self.text(field)?;
        let problem = match parse_duration(text) {
            Ok(duration) if (least..=most).contains(&duration) => return Some(duration),
            Ok(_) => format!(
                "`{}` is not between {} and {}",
                shown(text),
                format_duration(least),
                format_duration(most)
            ),
            Err(error) => error.to_string(),
        };
        self.problems.invalid(at(self.prefix, field), problem);
        None
    }

    /// A moment with its offset from UTC.
    pub(super) fn moment(&mut self, field: &str) -> Option<Timestamp> {
        let text = self.text(field)?;
        let moment = Some(text).filter(|text| text.len() <= 64);
        let moment = moment.and_then(|text| text.parse::<Timestamp>().ok());
        // Years of four digits are all that RFC 3339 has.
        let years = Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::MIN)..Timestamp::MAX;
        let moment = moment.filter(|moment| years.contains(moment));
        if moment.is_none() {
            let message = format!(
                "`{}` is no moment; write it as RFC 3339 does, as in 2027-01-31T08:00:00Z or 2027-01-31T09:00:00+01:00",
                shown(text)
            );
            self.problems.invalid(at(self.prefix, field), message);
        }
        moment.map(whole_microseconds)
    }

    /// A whole number within these bounds.
    pub(super) fn number(&mut self, field: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.get(field)?;
        if !value.is_number() {
            self.wrong_type(field, "a whole number", value);
            return None;
        }
        let number = value.as_u64().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let message = format!("{value} is not a whole number from {least} to {most}");
            self.problems.invalid(at(self.prefix, field), message);
        }
        number
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, field: &str) -> Vec<String> {
        let Some(value) = self.get(field) else {
            return Vec::new();
        };
        let Some(list) = value.as_array() else {
            self.wrong_type(field, "a list of strings", value);
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            match entry.as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong_type(&format!("{field}[{index}]"), "a string", entry),
            }
        }
        texts
    }

    /// An object within this one.
    pub(super) fn object(&mut self, field: &str) -> Option<&'v Map<String, Value>> {
        let value = self.get(field)?;
        let object = value.as_object();
        if object.is_none() {
            self.wrong_type(field, "an object", value);
        }
        object
    }

    pub(super) fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    fn wrong_type(&mut self, field: &str, wanted: &str, value: &Value) {
        let given = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        let message = format!("this must be {wanted}, and is {given}");
        self.problems.add(at(self.prefix, field), "wrong_type", message);
    }
}

/// The database keeps microseconds: whatever is finer would be another moment after it was read again.
pub(super) fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn at(prefix: &str, field: &str) -> String {
    if prefix.is_empty() {
        field.to_owned()
    } else {
        format!("{prefix}.{field}")
    }
}
