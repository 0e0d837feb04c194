//! The nodes of a definition, each by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::fields::{listed, object, only, optional, required, shown, text};
use super::kind::Type;
use super::policy::Defaults;
use super::problem::{Place, Problems};
use super::{OwnKinds, Rules, config, policy};
use crate::breaker::BreakerPolicy;
use crate::pipeline::{NodeIx, NodeKind, OnError};
use crate::retry::RetryPolicy;

const FIELDS: [&str; 9] = [
    "id",
    "type",
    "name",
    "description",
    "config",
    "retry",
    "timeout",
    "breaker",
    "on_error",
];
/// The longest name of a node, in characters.
const MAX_NAME: usize = 200;

/// All nodes of a definition, in its order, as far as they could be read.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) drafts: Vec<Draft>,
    /// Where each id stands first.
    pub(super) by_id: HashMap<Arc<str>, NodeIx>,
}

/// A node as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) id: Option<Arc<str>>,
    pub(super) node_type: Option<Type>,
    pub(super) name: Option<String>,
    pub(super) kind: Option<NodeKind>,
    pub(super) policy: Policy,
}

/// How failures of a node are dealt with.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) retry: RetryPolicy,
    pub(super) timeout: Option<Duration>,
    pub(super) breaker: Option<Arc<BreakerPolicy>>,
    pub(super) on_error: OnError,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            timeout: None,
            breaker: None,
            on_error: OnError::Fail,
        }
    }
}

impl Draft {
    /// Its place, for a problem.
    pub(super) fn place(&self, index: NodeIx) -> Place<'_> {
        Place::node(index, self.id.as_deref())
    }
}

/// Reads all nodes.
pub(super) fn read(list: &[Value], (rules, defaults): (&Rules<'_>, &Defaults), problems: &mut Problems) -> Nodes {
    let mut by_id = HashMap::with_capacity(list.len());
    let drafts = list
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let draft = node(index, value, (rules, defaults), problems);
            if let Some(id) = &draft.id {
                let first = *by_id.entry(Arc::clone(id)).or_insert(index);
                if first != index {
                    let message = format!("nodes[{first}] and nodes[{index}] have the same id; ids are unique");
                    problems.add(&draft.place(index), "id", "duplicate_id", message);
                }
            }
            draft
        })
        .collect();
    Nodes { drafts, by_id }
}

fn node(index: NodeIx, value: &Value, (rules, defaults): (&Rules<'_>, &Defaults), problems: &mut Problems) -> Draft {
    let Some(fields) = object(value, &Place::node(index, None), "", problems) else {
        return Draft::default();
    };
    let id = id(fields, &Place::node(index, None), problems);
    let place = Place::node(index, id);
    only(&FIELDS, fields, &place, problems);
    let node_type = node_type(fields, (&place, rules), problems);
    let name = name(fields, &place, problems);
    let kind = node_type.and_then(|node_type| config::read(node_type, fields, (&place, rules), problems));
    let policy = policy::read(node_type, fields, (&place, defaults), problems);
    policy::check_target(fields, kind.as_ref(), (&place, rules), problems);
    Draft {
        id: id.map(Arc::from),
        node_type,
        name,
        kind,
        policy,
    }
}

fn id<'v>(fields: &'v Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> Option<&'v str> {
    let id = text(required(fields, place, "id", problems)?, place, "id", problems)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let valid = (1..=64).contains(&id.len()) && id.chars().all(fits);
    if !valid {
        let message = format!(
            "`{}` is no id; use 1 to 64 letters a to z, digits, `_` and `-`",
            shown(id)
        );
        problems.add(place, "id", "invalid_id", message);
    }
    valid.then_some(id)
}

fn node_type(
    fields: &Map<String, Value>,
    (place, rules): (&Place<'_>, &Rules<'_>),
    problems: &mut Problems,
) -> Option<Type> {
    let name = text(required(fields, place, "type", problems)?, place, "type", problems)?;
    let own = || rules.kinds.has(name).then_some(Type::Own);
    let found = Type::built_in(name).or_else(own);
    if found.is_none() {
        let own = match rules.kinds {
            OwnKinds::Only(names) => names,
            OwnKinds::Any => &[],
        };
        let names = || Type::built_in_names().chain(own.iter().copied());
        let hint = match problems.guess(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(names())),
        };
        let message = format!("there is no node type `{}`; {hint}", shown(name));
        problems.add(place, "type", "unknown_kind", message);
    }
    found
}

fn name(fields: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> Option<String> {
    if let Some(value) = optional(fields, "description") {
        text(value, place, "description", problems);
    }
    let name = text(optional(fields, "name")?, place, "name", problems)?;
    if name.chars().count() > MAX_NAME {
        let message = format!("a name has at most {MAX_NAME} characters");
        problems.add(place, "name", "invalid_value", message);
    }
    Some(name.to_owned())
}
