//! The fields of a request body: taken one by one, with everything that is wrong noted at once.

use gathering::Json;
use serde::de::DeserializeOwned;

use super::problem::{Place, Problem, Wrong};
use crate::nearest::suggestion;

/// The most unknown fields that are named in one answer.
const MOST_NAMED: usize = 20;

/// The fields that were sent, less those that were taken.
///
/// Where a field is missing or wrong the taker gets a stand-in, and [`Fields::finish`] refuses the request before
/// anybody uses it.
pub(crate) struct Fields {
    left: Vec<(String, Json)>,
    known: Vec<&'static str>,
    wrong: Vec<Wrong>,
}

impl Fields {
    pub(crate) fn new(entries: Vec<(String, Json)>) -> Self {
        Self {
            left: entries,
            known: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// A field that must be there. `shape` says what it must be, as in "a text".
    pub(crate) fn required<T: DeserializeOwned + Default>(&mut self, name: &'static str, shape: &'static str) -> T {
        if let Some(json) = self.take(name) {
            return self.parsed(name, shape, &json).unwrap_or_default();
        }
        self.missing(name, shape);
        T::default()
    }

    /// A field that may be missing or null.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, name: &'static str, shape: &'static str) -> Option<T> {
        let json = self.take(name).filter(|json| !json.is_null())?;
        self.parsed(name, shape, &json)
    }

    /// A field that must be there, and that somebody else checks. `shape` says what it must be.
    pub(crate) fn required_json(&mut self, name: &'static str, shape: &'static str) -> Json {
        self.optional_json(name).unwrap_or_else(|| {
            self.missing(name, shape);
            Json::null()
        })
    }

    /// A field that may be missing and may be any JSON that is not nested too deeply.
    pub(crate) fn optional_json(&mut self, name: &'static str) -> Option<Json> {
        let json = self.take(name)?;
        match json.parse::<serde_json::Value>() {
            Ok(_) => Some(json),
            Err(error) => {
                let message = match error.to_string() {
                    told if told.starts_with("recursion limit") => "is nested more deeply than 127 levels".to_owned(),
                    told => format!("cannot be read: {told}"),
                };
                self.wrong
                    .push(Wrong::new(Place::field(name), "invalid_value", message));
                Some(Json::null())
            }
        }
    }

    /// The fields of these names, as far as they were sent, as one object that somebody else checks.
    pub(crate) fn object_of(&mut self, names: &[&'static str]) -> Json {
        let sent = names.iter().filter_map(|name| Some((*name, self.optional_json(name)?)));
        let members: Vec<_> = sent.map(|(name, json)| format!("\"{name}\":{}", json.text())).collect();
        // Names that are known need no escapes, and values are JSON: so is the whole.
        Json::from_text(format!("{{{}}}", members.join(","))).unwrap_or_else(|_| Json::null())
    }

    /// Refuses the request if anything was wrong, or if fields are left that nobody knows.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in self.left.iter().take(MOST_NAMED) {
            let known = self.known.iter().copied();
            let (code, message) = if self.known.contains(&name.as_str()) {
                ("duplicate_field", format!("`{name}` is there more than once"))
            } else {
                let hint = suggestion(name, known);
                ("unknown_field", format!("there is no field `{name}` here{hint}"))
            };
            self.wrong.push(Wrong::new(Place::field(name), code, message));
        }
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_request(&self.wrong))
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Json> {
        self.known.push(name);
        let index = self.left.iter().position(|(key, _)| key == name)?;
        Some(self.left.remove(index).1)
    }

    fn parsed<T: DeserializeOwned>(&mut self, name: &'static str, shape: &'static str, json: &Json) -> Option<T> {
        let parsed = json.parse().ok();
        if parsed.is_none() {
            let message = format!("must be {shape}");
            self.wrong.push(Wrong::new(Place::field(name), "wrong_type", message));
        }
        parsed
    }

    fn missing(&mut self, name: &'static str, shape: &'static str) {
        let message = format!("is missing; it must be {shape}");
        self.wrong
            .push(Wrong::new(Place::field(name), "missing_field", message));
    }
}
