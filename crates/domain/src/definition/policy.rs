//! How failures of a node are dealt with: `retry`, `timeout`, `breaker` and `on_error`, and what a definition says of it for all its nodes.

use std::time::Duration;

use serde_json::{Map, Value};

use super::breaker;
use super::fields::{object, only, optional, timeout, word};
use super::kind::Type;
use super::nodes::Policy;
use super::problem::{Place, Problems};
use super::retry;
use crate::pipeline::OnError;

/// What holds for the nodes that do not say it themselves, as far as they can have it: `defaults`.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    retry: retry::Base,
    timeout: Option<Duration>,
}

/// Reads `defaults` of a definition.
pub(super) fn defaults(definition: &Map<String, Value>, problems: &mut Problems) -> Defaults {
    let place = &Place::definition();
    let mut defaults = Defaults::default();
    let fields = optional(definition, "defaults").and_then(|value| object(value, place, "defaults", problems));
    let Some(fields) = fields else {
        return defaults;
    };
    let place = &place.within("defaults");
    only(&["retry", "timeout"], fields, place, problems);
    if let Some(value) = optional(fields, "retry") {
        defaults.retry = retry::base(value, &place.within("retry"), problems);
    }
    defaults.timeout = optional(fields, "timeout").and_then(|value| timeout(value, place, problems));
    defaults
}

/// Reads the policy of a node; where its type is unknown, everything is read as if it could have it.
pub(super) fn read(
    node_type: Option<Type>,
    fields: &Map<String, Value>,
    (place, defaults): (&Place<'_>, &Defaults),
    problems: &mut Problems,
) -> Policy {
    let mut policy = Policy::default();
    let has_handler = node_type.is_none_or(Type::has_handler);
    if has_handler {
        policy.retry = defaults.retry.policy.clone();
        policy.timeout = defaults.timeout;
    }
    if let Some(value) = allowed(fields, "retry", has_handler, (place, node_type), problems) {
        policy.retry = retry::read(value, &place.within("retry"), &defaults.retry, problems).unwrap_or_default();
    }
    if let Some(value) = allowed(fields, "timeout", has_handler, (place, node_type), problems) {
        policy.timeout = timeout(value, place, problems);
    }
    if let Some(value) = allowed(fields, "breaker", has_handler, (place, node_type), problems) {
        policy.breaker = breaker::read(value, &place.within("breaker"), problems).map(Box::new);
    }
    let may_fail = node_type != Some(Type::Trigger);
    if let Some(value) = allowed(fields, "on_error", may_fail, (place, node_type), problems) {
        let words = [("fail", OnError::Fail), ("continue", OnError::Continue)];
        policy.on_error = word(value, &words, (place, "on_error"), problems).unwrap_or(OnError::Fail);
    }
    policy
}

/// A field that only some types of nodes have.
fn allowed<'v>(
    fields: &'v Map<String, Value>,
    field: &str,
    is_allowed: bool,
    (place, node_type): (&Place<'_>, Option<Type>),
    problems: &mut Problems,
) -> Option<&'v Value> {
    let value = optional(fields, field)?;
    if !is_allowed {
        let name = node_type.map_or("such", Type::name);
        let message = format!("`{field}` has no meaning on a {name} node; leave it out");
        problems.add(place, field, "unknown_field", message);
    }
    Some(value).filter(|_| is_allowed)
}
