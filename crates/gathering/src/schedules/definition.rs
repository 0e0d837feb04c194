//! A schedule as somebody writes it down: read and checked, everything that is wrong with it told at once.

use gathering_auth::Identity;
use gathering_domain::name::check_name;
use gathering_domain::policy::ProjectAction;
use gathering_domain::schedule::times::zone;
use gathering_domain::{Json, ProjectId};
use gathering_scheduler::Rules;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

use super::action::{Action, Execute, of_node, problem};
use super::payload::Payload;
use crate::access::Proof;
use crate::{Error, FieldProblem, Gathering};

/// How many due times are shown of a schedule that is checked.
const SHOWN: usize = 10;
const MAX_REASON: usize = 1_000;
const MAX_DESCRIPTION: usize = 2_000;
/// Why a schedule is paused that was saved so, when nobody says.
const SAVED_PAUSED: &str = "saved as paused";

/// What a check of a schedule came to.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleCheck {
    /// Whether it could be saved.
    pub valid: bool,
    /// Everything that is wrong with it.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub problems: Vec<FieldProblem>,
    /// Its next due times, up to ten; none if its rules are wrong.
    pub next: Vec<Timestamp>,
    /// The same on the clocks of its zone, as in `2026-11-27T03:00:00+01:00[Europe/Berlin]`.
    pub next_local: Vec<String>,
}

/// What was read of a definition; whatever is missing has a problem.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) name: String,
    /// Why it is to begin paused.
    pub(super) paused: Option<String>,
    pub(super) rules: Option<Rules>,
    pub(super) action: Option<Action>,
    /// As it will be kept, without the pipeline that the action may need.
    pub(super) payload: Payload,
    pub(super) problems: Vec<FieldProblem>,
}

/// A schedule to be saved.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) paused: Option<String>,
    pub(super) rules: Rules,
    pub(super) action: Action,
    pub(super) payload: Payload,
}

impl Checked {
    /// The whole of it, if nothing is wrong.
    pub(super) fn finish(self) -> Result<Definition, Error> {
        match (self.rules, self.action) {
            (Some(rules), Some(action)) if self.problems.is_empty() => Ok(Definition {
                name: self.name,
                paused: self.paused,
                rules,
                action,
                payload: self.payload,
            }),
            _ => Err(Error::InvalidRequest {
                problems: self.problems,
            }),
        }
    }
}

impl Gathering {
    /// Everything that is wrong with a schedule, and when it would be due. Nothing is saved.
    pub async fn validate_schedule(
        &self,
        identity: &Identity,
        project: Option<ProjectId>,
        definition: Json,
    ) -> Result<ScheduleCheck, Error> {
        let proof = self.may_in(identity, ProjectAction::ViewSchedules, project).await?;
        self.checked(&proof, &definition).await
    }

    /// What a check comes to.
    pub(super) async fn checked(&self, proof: &Proof<ProjectId>, definition: &Json) -> Result<ScheduleCheck, Error> {
        let mut checked = self.check_definition(proof, definition).await?;
        let next = self.next_due(proof, &mut checked, SHOWN).await?;
        // A zone that the rules were read with is known.
        let zone = checked.rules.as_ref().and_then(|rules| zone(&rules.timezone).ok());
        let zone = zone.unwrap_or(TimeZone::UTC);
        Ok(ScheduleCheck {
            valid: checked.problems.is_empty(),
            problems: checked.problems,
            next_local: next.iter().map(|due| due.to_zoned(zone.clone()).to_string()).collect(),
            next,
        })
    }

    /// Reads a definition, and checks all of it but whether it is ever due.
    pub(super) async fn check_definition(&self, proof: &Proof<ProjectId>, definition: &Json) -> Result<Checked, Error> {
        let mut checked = Checked::default();
        let Ok(Value::Object(mut object)) = definition.parse::<Value>() else {
            let message = "a schedule is an object with name, kind and action, nested less than a hundred levels deep";
            checked.problems.push(problem("", "wrong_type", message.to_owned()));
            return Ok(checked);
        };
        let rules = checked.read_texts(&mut object);
        match self.scheduler.with(proof).read_rules(rules).await {
            Ok(rules) => checked.rules = Some(rules),
            Err(error) => checked.problems.extend(problems_of(error)?),
        }
        if let Some(action) = &checked.action {
            let found = self.check_action(proof, action).await?;
            // A template that reads what it cannot is known already.
            let is_known = |one: &FieldProblem| checked.problems.iter().any(|known| known.pointer == one.pointer);
            let new: Vec<_> = found.into_iter().filter(|one| !is_known(one)).collect();
            checked.problems.extend(new);
        }
        Ok(checked)
    }

    /// The next due times; notes it where there are none.
    pub(super) async fn next_due(
        &self,
        proof: &Proof<ProjectId>,
        checked: &mut Checked,
        count: usize,
    ) -> Result<Vec<Timestamp>, Error> {
        let Some(rules) = &checked.rules else {
            return Ok(Vec::new());
        };
        let rules = Json::from_value(&rules.to_json().into());
        match self.scheduler.with(proof).preview(rules, count).await {
            Ok(next) => Ok(next),
            Err(error) => {
                checked.problems.extend(problems_of(error)?);
                Ok(Vec::new())
            }
        }
    }

    /// What is wrong with an action that only the database, or the engine, can tell.
    async fn check_action(&self, proof: &Proof<ProjectId>, action: &Action) -> Result<Vec<FieldProblem>, Error> {
        match action {
            Action::Execute(execute) => Ok(self.check_execute(proof, execute).await?.into_iter().collect()),
            Action::Call { definition } => {
                let found = self.engine.with(proof).validate_of_schedule(definition.clone()).await;
                Ok(of_node(found))
            }
        }
    }

    /// The pipeline is there, in the same project, and is not the action of another schedule.
    async fn check_execute(&self, proof: &Proof<ProjectId>, execute: &Execute) -> Result<Option<FieldProblem>, Error> {
        let engine = self.engine.with(proof);
        let id = execute.pipeline_id;
        let found = engine.pipeline(id, None).await?;
        let found = found.filter(|found| found.summary.project_id == proof.project());
        let Some(found) = found.filter(|found| found.summary.schedule_id.is_none()) else {
            let message = format!("there is no pipeline {id} in the project of this schedule");
            return Ok(Some(problem("/action/pipeline_id", "pipeline_not_found", message)));
        };
        let latest = found.summary.version;
        Ok(execute.version.filter(|version| *version > latest).map(|version| {
            let message = format!("pipeline {id} has no version {version}; its latest is {latest}");
            problem("/action/version", "version_not_found", message)
        }))
    }
}

impl Checked {
    /// Takes out what are not rules; gives these.
    fn read_texts(&mut self, object: &mut Map<String, Value>) -> Json {
        let mut take = |name: &str| object.remove(name).filter(|value| !value.is_null());
        let (name, description, paused, action) = (take("name"), take("description"), take("paused"), take("action"));
        self.name = self.read_name(name).unwrap_or_default();
        self.payload.description = self.read_description(description);
        self.paused = self.read_paused(paused);
        if let Some(action) = action {
            self.action = Action::read(&action, &mut self.problems);
            self.payload.action = Json::from_value(&action);
        } else {
            let message = "`action` is missing: what a firing does, an object with a `type`";
            self.problems
                .push(problem("/action", "missing_field", message.to_owned()));
        }
        Json::from_value(&Value::Object(std::mem::take(object)))
    }

    fn read_name(&mut self, name: Option<Value>) -> Option<String> {
        let (code, message) = match name {
            Some(Value::String(name)) => match check_name(&name) {
                Ok(()) => return Some(name),
                Err(problem) => ("invalid_value", problem.to_string()),
            },
            Some(_) => ("wrong_type", "must be a string".to_owned()),
            None => (
                "missing_field",
                "`name` is missing: what people call the schedule".to_owned(),
            ),
        };
        self.problems.push(problem("/name", code, message));
        None
    }

    fn read_description(&mut self, description: Option<Value>) -> Option<String> {
        let text = description?;
        match text.as_str() {
            Some("") => None,
            Some(text) if is_text(text, MAX_DESCRIPTION) => Some(text.to_owned()),
            Some(_) | None => {
                let message = format!("must be a string of at most {MAX_DESCRIPTION} characters, not of blanks alone");
                self.problems.push(problem("/description", "invalid_value", message));
                None
            }
        }
    }

    fn read_paused(&mut self, paused: Option<Value>) -> Option<String> {
        let paused = paused?;
        match (paused.as_bool(), paused.as_str()) {
            (Some(false), _) => None,
            (Some(true), _) => Some(SAVED_PAUSED.to_owned()),
            (None, Some(reason)) if is_text(reason, MAX_REASON) => Some(reason.to_owned()),
            (None, Some(_) | None) => {
                let message = format!("must be true, false or the reason, a string of 1 to {MAX_REASON} characters");
                self.problems.push(problem("/paused", "invalid_value", message));
                None
            }
        }
    }
}

/// What is wrong with the rules; any other error is one.
fn problems_of(error: gathering_scheduler::Error) -> Result<Vec<FieldProblem>, Error> {
    if let gathering_scheduler::Error::Invalid { problems } = error {
        Ok(problems.into_iter().map(FieldProblem::from).collect())
    } else {
        Err(error.into())
    }
}

/// Whether a text has something in it, and is not too long.
fn is_text(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().take(most + 1).count() <= most && !text.contains('\0')
}
