//! What a firing of a schedule is to its action: facts, which templates see as `firing`.

use jiff::Timestamp;
use minijinja::Value;
use serde::Serialize;

use crate::expression::{EvalError, Name, SyntaxError};
use crate::json::Json;
use crate::template::Template;
use crate::{FiringId, ScheduleId};

/// What there is of a firing in expressions.
pub const MEMBERS: [&str; 5] = ["due_at", "id", "origin", "schedule", "schedule_id"];

/// The facts of a firing, each under the name that expressions read it by: `firing.due_at`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FiringFacts<'a> {
    /// Its id, which is also that of its run.
    pub id: FiringId,
    /// The schedule that it is of.
    pub schedule_id: ScheduleId,
    /// The name of the schedule.
    pub schedule: &'a str,
    /// When it was due.
    pub due_at: Timestamp,
    /// How it came about: `schedule`, `trigger` or `backfill`.
    pub origin: &'a str,
}

impl FiringFacts<'_> {
    /// An object of texts, with a key for each of the [`MEMBERS`]; the time as RFC 3339.
    pub fn to_json(&self) -> Json {
        // Texts always serialize.
        Json::serialize(self).unwrap_or_else(|_| Json::null())
    }
}

/// JSON with `{{ }}` in its strings over the one root `firing`: checked when a schedule is saved, rendered when it fires.
///
/// The rules are those of all templates: a string that is exactly one `{{ expression }}` keeps the type of its value. The limits are narrower, because schedules are locked while
/// their templates are rendered: [`MAX_STRINGS`] strings with expressions, a hundredth of the work each, and [`MAX_GROWTH`].
#[derive(Debug)]
pub struct FiringTemplate {
    template: Template,
    /// How many bytes it may give.
    most: usize,
}

/// The most strings with expressions in one template.
pub const MAX_STRINGS: usize = 100;
/// By how many bytes the values may be larger than the template.
pub const MAX_GROWTH: usize = 64 << 10;

/// A string of a template that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemplateProblem {
    /// Where it is: `headers.x` or `items[2]`; empty where the template is one string, or as a whole.
    pub field: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl FiringTemplate {
    /// Parses every string of `source`, or tells everything that is wrong, names that cannot exist included.
    pub fn parse(source: &Json) -> Result<Self, Vec<TemplateProblem>> {
        let most = source.text().len() + MAX_GROWTH;
        let source: serde_json::Value = source
            .parse()
            .map_err(|_too_deep| vec![problem(String::new(), "nested too deeply to be read".to_owned())])?;
        let malformed = |(field, error): (String, SyntaxError)| problem(field, error.to_string());
        let template =
            Template::parse(&source).map_err(|errors| errors.into_iter().map(malformed).collect::<Vec<_>>())?;
        if template.strings() > MAX_STRINGS {
            let message = format!(
                "{} strings hold expressions, and at most {MAX_STRINGS} may: each firing renders all of them",
                template.strings()
            );
            return Err(vec![problem(String::new(), message)]);
        }
        let references = template.references().into_iter();
        let unknown: Vec<_> = references
            .filter_map(|(field, reference)| Some(problem(field, why_unknown(&reference.name)?)))
            .collect();
        if unknown.is_empty() {
            Ok(Self { template, most })
        } else {
            Err(unknown)
        }
    }

    /// The JSON with the values of its expressions in it, larger by at most [`MAX_GROWTH`].
    pub fn render(&self, firing: &FiringFacts<'_>) -> Result<Json, EvalError> {
        // An object of texts can always be read.
        let facts: Value = firing.to_json().parse().unwrap_or_default();
        self.template
            .render_firing(Value::from_pairs([("firing", facts)]), self.most)
    }
}

/// Whether a firing has this member.
pub(crate) fn has_member(name: &str) -> bool {
    MEMBERS.contains(&name)
}

/// The members, for a message.
pub(crate) fn listed_members() -> String {
    let [others @ .., last] = MEMBERS.map(|name| format!("`{name}`"));
    format!("{} and {last}", others.join(", "))
}

fn why_unknown(name: &Name) -> Option<String> {
    let root = match name {
        Name::Firing(None) => return None,
        Name::Firing(Some(member)) if has_member(member) => return None,
        Name::Firing(Some(member)) => {
            let member: String = member.chars().take(60).collect();
            return Some(format!(
                "there is no `firing.{member}`; `firing` has {}",
                listed_members()
            ));
        }
        Name::Input => "input",
        Name::Run => "run",
        Name::Node(_) | Name::AnyNode => "nodes",
        Name::Unknown(name) => name,
    };
    let root: String = root.chars().take(60).collect();
    Some(format!(
        "there is no `{root}` here; there is `firing`, and text stands in quotes"
    ))
}

fn problem(field: String, message: String) -> TemplateProblem {
    TemplateProblem { field, message }
}
