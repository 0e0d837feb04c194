//! What is simulated: a pipeline, its input, and what each attempt comes to.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gathering_domain::node_event::Failure;
use gathering_domain::pipeline::{NodeIx, Pipeline};
use gathering_domain::planner::AttemptResult;
use gathering_domain::scope::{Outputs, RunFacts, Scope};
use gathering_domain::{Json, RunId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::pipeline;

/// What an attempt comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scripted {
    Output(Value),
    /// May be tried again.
    Transient,
    /// May be tried again, after this time at the earliest.
    Busy(Duration),
    /// Trying again is of no use.
    Permanent,
    TimedOut,
    /// Its process died under it.
    Lost,
    /// Its instance stopped.
    Interrupted,
}

/// A pipeline, its input, and what its attempts come to, whenever they are run.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) pipeline: Arc<Pipeline>,
    definition: Value,
    input: Value,
    scripts: HashMap<NodeIx, Vec<Scripted>>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} with input {} and {:?}",
            self.definition, self.input, self.scripts
        )
    }
}

impl Case {
    /// A case in which every attempt gives its node's id, unless its script says something else.
    pub(crate) fn new(definition: Value, input: Value) -> Self {
        Self {
            pipeline: Arc::new(pipeline(&definition)),
            definition,
            input,
            scripts: HashMap::new(),
        }
    }

    /// The attempts of `node` come to these, one after the other; the last one is repeated.
    pub(crate) fn script(mut self, node: &str, results: Vec<Scripted>) -> Self {
        self.scripts.insert(self.pipeline.by_id[node], results);
        self
    }

    /// What expressions see before the run begins.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            pipeline: self.pipeline.clone(),
            input: Json::from_value(&self.input),
            outputs: Outputs::new(self.pipeline.nodes.len()),
            run: RunFacts {
                id: RunId::from(Uuid::from_u128(7)),
            },
        }
    }

    /// What an attempt comes to; `number` counts from 1.
    pub(crate) fn result(&self, node: NodeIx, number: u32) -> AttemptResult {
        let script = self.scripts.get(&node);
        let index = usize::try_from(number - 1).expect("few attempts");
        let scripted = script.and_then(|script| script.get(index).or(script.last()));
        match scripted {
            None => AttemptResult::Output(Json::from_value(&json!(&*self.pipeline.nodes[node].id))),
            Some(Scripted::Output(output)) => AttemptResult::Output(Json::from_value(output)),
            Some(Scripted::Transient) => failed("away", true, None),
            Some(Scripted::Busy(wait)) => failed("busy", true, Some(*wait)),
            Some(Scripted::Permanent) => failed("refused", false, None),
            Some(Scripted::TimedOut) => AttemptResult::TimedOut {
                after: Duration::from_secs(30),
            },
            Some(Scripted::Lost) => AttemptResult::Lost {
                times: 1,
                limit: 3,
                together: None,
            },
            Some(Scripted::Interrupted) => AttemptResult::Interrupted,
        }
    }
}

fn failed(code: &str, transient: bool, retry_after: Option<Duration>) -> AttemptResult {
    let mut error = Failure::new(code, format!("the other side is {code}"));
    error.details = Some(Json::from_value(&json!({"status": 503})));
    AttemptResult::Failed {
        error,
        transient,
        retry_after,
    }
}
