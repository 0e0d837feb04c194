//! What expressions and templates of a run can see.

mod view;

use std::sync::{Arc, OnceLock};

use crate::RunId;
use crate::json::Json;
use crate::pipeline::{NodeIx, Pipeline};

/// The outputs of a run's nodes: each is written once and then shared, so that evaluating copies nothing.
#[derive(Debug, Clone)]
pub struct Outputs(Arc<[OnceLock<Json>]>);

impl Outputs {
    /// No output yet, for as many nodes as the pipeline has.
    pub fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| OnceLock::new()).collect())
    }

    /// The output of a node, if it has one already.
    pub fn get(&self, node: NodeIx) -> Option<&Json> {
        self.0.get(node)?.get()
    }

    /// Keeps the output of a node; a second one is ignored, because a terminal state is final.
    pub fn set(&self, node: NodeIx, output: Json) {
        if let Some(slot) = self.0.get(node) {
            let _ = slot.set(output);
        }
    }
}

/// The facts of a run that expressions see as `run`.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// `run.id`
    pub id: RunId,
}

/// What expressions and templates of one run can see: `input`, `nodes.<id>.output`, `run`; and `firing`, which is that key of the input, where
/// the pipeline was saved for a schedule.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The pipeline, for the names of its nodes.
    pub pipeline: Arc<Pipeline>,
    /// `input`
    pub input: Json,
    /// `nodes.<id>.output`
    pub outputs: Outputs,
    /// `run`
    pub run: RunFacts,
}
