//! How failures of a node are dealt with: `retry`, `timeout`, `breaker` and `on_error`, and what a definition says of it for all its nodes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Rules;
use super::breaker;
use super::fields::{object, only, optional, timeout, word};
use super::kind::Type;
use super::nodes::Policy;
use super::problem::{Place, Problems};
use super::retry;
use crate::breaker::BreakerPolicy;
use crate::pipeline::{NodeKind, OnError};

/// What holds for the nodes that do not say it themselves, as far as they can have it: `defaults`.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    retry: retry::Base,
    timeout: Option<Duration>,
    breaker: Option<Arc<BreakerPolicy>>,
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
    only(&["retry", "timeout", "breaker"], fields, place, problems);
    if let Some(value) = optional(fields, "retry") {
        defaults.retry = retry::base(value, &place.within("retry"), problems);
    }
    defaults.timeout = optional(fields, "timeout").and_then(|value| timeout(value, place, problems));
    if let Some(value) = optional(fields, "breaker") {
        let usual = BreakerPolicy::default();
        defaults.breaker = breaker::read(value, &place.within("breaker"), &usual, problems).map(Arc::new);
    }
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
        policy.breaker.clone_from(&defaults.breaker);
    }
    if let Some(value) = allowed(fields, "retry", has_handler, (place, node_type), problems) {
        policy.retry = retry::read(value, &place.within("retry"), &defaults.retry, problems).unwrap_or_default();
    }
    if let Some(value) = allowed(fields, "timeout", has_handler, (place, node_type), problems) {
        policy.timeout = timeout(value, place, problems);
    }
    if let Some(value) = allowed(fields, "breaker", has_handler, (place, node_type), problems) {
        policy.breaker = node_breaker(value, (place, defaults), problems);
    }
    let may_fail = node_type != Some(Type::Trigger);
    if let Some(value) = allowed(fields, "on_error", may_fail, (place, node_type), problems) {
        let words = [("fail", OnError::Fail), ("continue", OnError::Continue)];
        policy.on_error = word(value, &words, (place, "on_error"), problems).unwrap_or(OnError::Fail);
    }
    policy
}

/// A node's own breaker, where it does not say `false`, for none in spite of the defaults.
fn node_breaker(
    value: &Value,
    (place, defaults): (&Place<'_>, &Defaults),
    problems: &mut Problems,
) -> Option<Arc<BreakerPolicy>> {
    if *value == Value::Bool(false) {
        return None;
    }
    let usual = BreakerPolicy::default();
    let base = defaults.breaker.as_deref().unwrap_or(&usual);
    breaker::read(value, &place.within("breaker"), base, problems).map(Arc::new)
}

/// Refuses a breaker that is to count by host on a node whose handler names none: all its calls would count together, unnoticed.
pub(super) fn check_target(
    fields: &Map<String, Value>,
    kind: Option<&NodeKind>,
    (place, rules): (&Place<'_>, &Rules<'_>),
    problems: &mut Problems,
) {
    let (Some(NodeKind::Action { handler, .. }), Some(has_target)) = (kind, rules.has_target) else {
        return;
    };
    if optional(fields, "breaker").is_some_and(breaker::asks_for_host) && !has_target(handler) {
        let message = format!(
            "the {handler} does not say which host its calls go to; use the scope `handler`, or a `name` in place of it"
        );
        problems.add(&place.within("breaker"), "scope", "invalid_value", message);
    }
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
