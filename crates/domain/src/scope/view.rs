//! A scope as the expression language sees it: looked up by need, each document parsed at most once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, Value};

use super::Scope;
use crate::expression::Whole;
use crate::json::Json;
use crate::pipeline::NodeIx;

impl Scope {
    /// The names that expressions start with, for one evaluation.
    pub(crate) fn view(&self) -> Value {
        Value::from_object(View {
            scope: self.clone(),
            input: OnceLock::new(),
            nodes: Arc::new(Nodes {
                scope: self.clone(),
                seen: Mutex::default(),
            }),
        })
    }

    /// A document as it is; `None` where there is none yet.
    pub(crate) fn whole(&self, whole: &Whole) -> Option<&Json> {
        match whole {
            Whole::Input => Some(&self.input),
            Whole::Output(id) => self.outputs.get(*self.pipeline.by_id.get(id.as_str())?),
        }
    }
}

#[derive(Debug)]
struct View {
    scope: Scope,
    input: OnceLock<Value>,
    nodes: Arc<Nodes>,
}

impl View {
    fn input(&self) -> &Value {
        self.input.get_or_init(|| parsed(&self.scope.input, "the input"))
    }
}

impl Object for View {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "input" => Some(self.input().clone()),
            // Only pipelines of schedules may read it, which is seen to when they are saved.
            "firing" => self
                .input()
                .get_attr("firing")
                .ok()
                .filter(|firing| !firing.is_undefined()),
            "nodes" => Some(Value::from_dyn_object(Arc::clone(&self.nodes))),
            "run" => Some(Value::from_pairs([("id", self.scope.run.id.to_string())])),
            _ => None,
        }
    }
}

/// `nodes`: every node of the pipeline by its id. They are not listed, because which of them have an output already is a
/// matter of time.
#[derive(Debug)]
struct Nodes {
    scope: Scope,
    seen: Mutex<HashMap<NodeIx, Value>>,
}

impl Object for Nodes {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let node = *self.scope.pipeline.by_id.get(key)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let value = seen.entry(node).or_insert_with(|| {
            Value::from_object(NodeView {
                id: key.to_owned(),
                output: self.scope.outputs.get(node).cloned(),
                parsed: OnceLock::new(),
            })
        });
        Some(value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// `nodes.<id>`: has `output` once the node has one.
#[derive(Debug)]
struct NodeView {
    id: String,
    output: Option<Json>,
    parsed: OnceLock<Value>,
}

impl Object for NodeView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let output = self.output.as_ref().filter(|_| key == "output")?;
        let value = self
            .parsed
            .get_or_init(|| parsed(output, &format!("the output of `{}`", self.id)));
        Some(value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.output {
            Some(_) => Enumerator::Str(&["output"]),
            None => Enumerator::Empty,
        }
    }
}

/// A document as a value; one that cannot be read is an error for whoever reads it.
fn parsed(json: &Json, what: &str) -> Value {
    json.parse().unwrap_or_else(|_| {
        let detail = format!("{what} is nested too deeply to look into it");
        Value::from(Error::new(ErrorKind::InvalidOperation, detail))
    })
}
