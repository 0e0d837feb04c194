//! The parameters of a query: taken one by one, with everything that is wrong noted at once.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::{FromRequest, HttpRequest, dev, web};
use gathering::{Name, PageRequest, Uuid};

use super::problem::{Place, Problem, Wrong};
use crate::nearest::suggestion;

/// How many items a page has when nobody says.
const USUAL_LIMIT: u32 = 50;
/// The most items of a page.
const MOST: u32 = 200;

/// Refuses a query where none is taken: whoever sends one believes that it does something.
pub(crate) fn no_parameters(request: &HttpRequest) -> Result<(), Problem> {
    Parameters::of(request).finish()
}

/// For routes that take neither parameters nor a body.
pub(crate) struct NoParameters;

impl FromRequest for NoParameters {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(no_parameters(request).map(|()| Self))
    }
}

/// The parameters that were sent, less those that were taken.
pub(crate) struct Parameters {
    left: Vec<(String, String)>,
    known: Vec<&'static str>,
    wrong: Vec<Wrong>,
}

impl Parameters {
    /// The parameters of this request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        // Any text is a query string: what is not `name=value` becomes a name without a value.
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let left = pairs.map(web::Query::into_inner).unwrap_or_default();
        Self {
            left,
            known: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// `?limit=`: 1 to 200, 50 when it is missing.
    pub(crate) fn limit(&mut self) -> u32 {
        let limit = self
            .optional::<u32>("limit", "a number from 1 to 200")
            .unwrap_or(USUAL_LIMIT);
        if !(1..=MOST).contains(&limit) {
            self.refuse("limit", "a number from 1 to 200");
        }
        limit.clamp(1, MOST)
    }

    /// Which part of a list by id is wanted.
    pub(crate) fn page(&mut self) -> PageRequest {
        PageRequest {
            limit: self.limit(),
            after: self.cursor(),
        }
    }

    /// `?cursor=` of a list by id.
    fn cursor(&mut self) -> Option<Uuid> {
        self.optional("cursor", "the next_cursor of an earlier page")
    }

    /// `?name=` of a list of what people call something.
    pub(crate) fn name(&mut self) -> Option<Name> {
        self.optional("name", "a name: 1 to 200 characters, and none that cannot be seen")
    }

    /// A parameter that may be missing. `shape` says what it must be.
    pub(crate) fn optional<T: FromStr>(&mut self, name: &'static str, shape: &'static str) -> Option<T> {
        self.known.push(name);
        let index = self.left.iter().position(|(key, _)| key == name)?;
        let (_, text) = self.left.remove(index);
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.refuse(name, shape);
        }
        parsed
    }

    /// Refuses the request if anything was wrong, or if parameters are left that nobody knows.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in &self.left {
            let (code, message) = if self.known.contains(&name.as_str()) {
                ("duplicate_parameter", format!("`{name}` is there more than once"))
            } else {
                let hint = suggestion(name, self.known.iter().copied());
                (
                    "unknown_parameter",
                    format!("there is no parameter `{name}` here{hint}"),
                )
            };
            self.wrong
                .push(Wrong::new(Place::Parameter(name.clone()), code, message));
        }
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_request(&self.wrong))
        }
    }

    fn refuse(&mut self, name: &'static str, shape: &'static str) {
        let place = Place::Parameter(name.to_owned());
        self.wrong
            .push(Wrong::new(place, "invalid_value", format!("must be {shape}")));
    }
}
