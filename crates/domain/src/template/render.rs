//! From the parts of a template, and a scope, to JSON.

use minijinja::Value;
use serde::ser::{Serialize, Serializer};

use super::Part;
use crate::expression::{Budget, EvalError};
use crate::json::Json;
use crate::scope::Scope;

/// Renders a part; all values together have at most `most` bytes.
pub(super) fn render(
    part: &Part,
    (scope, view): (Option<&Scope>, Value),
    (budget, most): (Budget, usize),
) -> Result<Json, EvalError> {
    let mut rendering = Rendering {
        scope,
        view,
        budget,
        most,
        left: most,
    };
    let rendered = rendering.part(part)?;
    if let Rendered::Json(json) = rendered {
        return Ok(json);
    }
    // Lists and objects of JSON always serialize.
    Ok(Json::serialize(&rendered).unwrap_or_else(|_| Json::null()))
}

/// A part with its values put in, of which the whole text is then written once.
enum Rendered<'a> {
    Json(Json),
    List(Vec<Rendered<'a>>),
    Object(Vec<(&'a str, Rendered<'a>)>),
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(json) => json.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => serializer.collect_map(fields.iter().map(|(key, value)| (key, value))),
        }
    }
}

struct Rendering<'s> {
    scope: Option<&'s Scope>,
    view: Value,
    budget: Budget,
    most: usize,
    /// How many bytes the values may still have.
    left: usize,
}

impl Rendering<'_> {
    fn part<'a>(&mut self, part: &'a Part) -> Result<Rendered<'a>, EvalError> {
        Ok(match part {
            Part::Constant(json) => self.spend(json.clone(), "a constant")?,
            Part::Expression(expression) => {
                let json = expression.evaluate_json(self.scope, &self.view, self.budget)?;
                self.spend(json, expression.source())?
            }
            Part::Text(text) => self.spend(text.render(&self.view, self.budget)?, text.source())?,
            Part::List(items) => Rendered::List(items.iter().map(|item| self.part(item)).collect::<Result<_, _>>()?),
            Part::Object(fields) => Rendered::Object(
                fields
                    .iter()
                    .map(|(key, part)| Ok((key.as_str(), self.part(part)?)))
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    fn spend<'a>(&mut self, json: Json, source: &str) -> Result<Rendered<'a>, EvalError> {
        let most = self.most;
        let too_much = || {
            let most = if most.is_multiple_of(1 << 20) {
                format!("{} MiB", most >> 20)
            } else {
                format!("{} KiB", most >> 10)
            };
            let message = format!("with it, the result is larger than the {most} it may be");
            EvalError::new(source, &message)
        };
        self.left = self.left.checked_sub(json.text().len()).ok_or_else(too_much)?;
        Ok(Rendered::Json(json))
    }
}
