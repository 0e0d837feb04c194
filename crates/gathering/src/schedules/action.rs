//! What a firing does: the `action` of a schedule, read and checked.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gathering_domain::definition::Problem;
use gathering_domain::firing::FiringTemplate;
use gathering_domain::{Json, PipelineId};
use serde_json::{Map, Value, json};

use crate::FieldProblem;

/// The actions that there are.
const KNOWN: &str = "execute_pipeline, call_api and send_notification";
/// The fields of `execute_pipeline`.
const EXECUTE_FIELDS: [&str; 6] = ["type", "pipeline_id", "version", "input", "labels", "priority"];
/// The one node of a pipeline that is saved for a schedule.
const NODE: &str = "action";

/// What a firing does.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// It starts a run of a pipeline.
    Execute(Execute),
    /// It starts a run of a pipeline of its own, with one node.
    Call {
        /// The definition of that.
        definition: Json,
    },
}

/// Which pipeline is started, and with what.
#[derive(Debug, Clone)]
pub(super) struct Execute {
    pub(super) pipeline_id: PipelineId,
    /// `None` for the latest.
    pub(super) version: Option<i32>,
    /// A template over `firing`, which was parsed.
    pub(super) input: Json,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) priority: i16,
}

impl Action {
    /// Reads an action, as far as that goes without the database; notes all that is wrong with it.
    pub(super) fn read(action: &Value, problems: &mut Vec<FieldProblem>) -> Option<Self> {
        let Some(object) = action.as_object() else {
            problems.push(problem(
                "/action",
                "wrong_type",
                format!("must be an object with a `type`: {KNOWN}"),
            ));
            return None;
        };
        let word = match object.get("type") {
            Some(Value::String(word)) => word.as_str(),
            None | Some(Value::Null) => {
                let message = format!("`type` is missing; the actions are {KNOWN}");
                problems.push(problem("/action/type", "missing_field", message));
                return None;
            }
            Some(_) => {
                let message = format!("must be a string; the actions are {KNOWN}");
                problems.push(problem("/action/type", "wrong_type", message));
                return None;
            }
        };
        match word {
            "execute_pipeline" => Execute::read(object, problems).map(Self::Execute),
            "call_api" | "send_notification" => {
                // The run of a firing has no other input, and no other nodes.
                check_templates("/action", &Json::from_value(action), problems);
                Some(Self::Call {
                    definition: one_node(word, object),
                })
            }
            "run_task" => {
                let message = format!(
                    "`run_task` is not available yet, because there are no agents here; the actions are {KNOWN}"
                );
                problems.push(problem("/action/type", "action_not_available", message));
                None
            }
            other => {
                let shown: String = other.chars().take(60).collect();
                let message = format!("there is no action `{shown}`; the actions are {KNOWN}");
                problems.push(problem("/action/type", "unknown_action", message));
                None
            }
        }
    }
}

impl Execute {
    fn read(object: &Map<String, Value>, problems: &mut Vec<FieldProblem>) -> Option<Self> {
        let before = problems.len();
        for name in object.keys().filter(|name| !EXECUTE_FIELDS.contains(&name.as_str())) {
            let message =
                "`execute_pipeline` has no such field; it has pipeline_id, version, input, labels and priority";
            let pointer = format!("/action/{}", escaped(&name.chars().take(60).collect::<String>()));
            problems.push(problem(&pointer, "unknown_field", message.to_owned()));
        }
        let pipeline_id = read_pipeline(object, problems);
        let version = read_number(object, "version", (1, i32::MAX), problems);
        let priority = read_number(object, "priority", (i16::MIN, i16::MAX), problems);
        let labels = read_labels(object, problems);
        let input = object.get("input").map_or_else(Json::null, Json::from_value);
        check_templates("/action/input", &input, problems);
        if problems.len() > before {
            return None;
        }
        Some(Self {
            pipeline_id: pipeline_id?,
            version,
            input,
            labels,
            priority: priority.unwrap_or(0),
        })
    }
}

/// Notes templates that read something else than the firing, or cannot be read.
fn check_templates(base: &str, value: &Json, problems: &mut Vec<FieldProblem>) {
    if let Err(wrong) = FiringTemplate::parse(value) {
        problems.extend(wrong.into_iter().map(|wrong| {
            let pointer = pointer(base, &wrong.field);
            problem(&pointer, "invalid_template", wrong.message)
        }));
    }
}

fn read_pipeline(object: &Map<String, Value>, problems: &mut Vec<FieldProblem>) -> Option<PipelineId> {
    let (code, message) = match object.get("pipeline_id") {
        None | Some(Value::Null) => (
            "missing_field",
            "`pipeline_id` is missing: which pipeline a firing starts",
        ),
        Some(Value::String(text)) => match text.parse() {
            Ok(id) => return Some(id),
            Err(_no_uuid) => ("invalid_value", "must be the id of a pipeline, a UUID"),
        },
        Some(_) => ("wrong_type", "must be the id of a pipeline, a string"),
    };
    problems.push(problem("/action/pipeline_id", code, message.to_owned()));
    None
}

/// A whole number within these bounds, if there is one.
fn read_number<N>(
    object: &Map<String, Value>,
    name: &str,
    (least, most): (N, N),
    problems: &mut Vec<FieldProblem>,
) -> Option<N>
where
    N: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    let value = object.get(name).filter(|value| !value.is_null())?;
    let number = value.as_i64().and_then(|number| N::try_from(number).ok());
    let number = number.filter(|number| (&least..=&most).contains(&number));
    if number.is_none() {
        let message = format!("must be a whole number from {least} to {most}");
        problems.push(problem(&format!("/action/{name}"), "invalid_value", message));
    }
    number
}

fn read_labels(object: &Map<String, Value>, problems: &mut Vec<FieldProblem>) -> BTreeMap<String, String> {
    let Some(value) = object.get("labels").filter(|value| !value.is_null()) else {
        return BTreeMap::new();
    };
    let labels = value.as_object().and_then(|labels| {
        let texts = labels
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        texts.collect::<Option<BTreeMap<_, _>>>()
    });
    let Some(labels) = labels else {
        let message = "must be an object of strings".to_owned();
        problems.push(problem("/action/labels", "wrong_type", message));
        return BTreeMap::new();
    };
    if labels.contains_key(super::fire::SCHEDULE_LABEL) {
        let message = "is set by each firing to the id of its schedule; call this one otherwise".to_owned();
        let pointer = format!("/action/labels/{}", super::fire::SCHEDULE_LABEL);
        problems.push(problem(&pointer, "invalid_value", message));
    }
    if labels.len() == gathering_pipeline::MAX_LABELS {
        let message = format!(
            "must be at most {} labels, because a run has at most {} and each firing adds the id of its schedule",
            gathering_pipeline::MAX_LABELS - 1,
            gathering_pipeline::MAX_LABELS
        );
        problems.push(problem("/action/labels", "invalid_value", message));
    }
    for wrong in gathering_pipeline::check_labels(&labels) {
        problems.push(problem(
            &format!("/action{}", wrong.pointer),
            "invalid_value",
            wrong.message,
        ));
    }
    labels
}

/// The definition of a pipeline that does this, and nothing else. What belongs to the node, as all nodes have it, stands beside what belongs to the tool.
fn one_node(tool: &str, action: &Map<String, Value>) -> Json {
    let mut config = action.clone();
    let mut node = Map::from_iter([("id".to_owned(), NODE.into()), ("type".to_owned(), "action".into())]);
    for name in ["retry", "breaker"] {
        if let Some(value) = config.remove(name) {
            node.insert(name.to_owned(), value);
        }
    }
    if let Some(timeout) = config.get("timeout") {
        // For the attempt as a whole; as the tool's own it lifts that one's usual limit.
        node.insert("timeout".to_owned(), timeout.clone());
    }
    config.remove("type");
    config.insert("action".to_owned(), tool.into());
    node.insert("config".to_owned(), config.into());
    Json::from_value(&json!({"nodes": [node]}))
}

/// What is wrong with the pipeline of one node, told of the action.
pub(super) fn of_node(found: Vec<Problem>) -> Vec<FieldProblem> {
    let mut told: Vec<FieldProblem> = Vec::new();
    for one in found {
        let field = one.field.unwrap_or_default();
        let field = field.strip_prefix("config.").unwrap_or(&field);
        let pointer = pointer("/action", if field == "config" { "" } else { field });
        // The timeout is that of the node, and of the tool as well.
        if !(field == "timeout" && told.iter().any(|told| told.pointer == pointer)) {
            told.push(problem(&pointer, one.code, one.message));
        }
    }
    told
}

/// A path such as `headers.x` or `items[2].url` as a JSON pointer below `base`.
pub(super) fn pointer(base: &str, path: &str) -> String {
    let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
    parts.fold(base.to_owned(), |mut pointer, part| {
        let _ = write!(pointer, "/{}", escaped(part));
        pointer
    })
}

/// A part of a JSON pointer (RFC 6901).
fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

pub(super) fn problem(pointer: &str, code: &'static str, message: String) -> FieldProblem {
    FieldProblem {
        pointer: pointer.to_owned(),
        code,
        message,
    }
}
