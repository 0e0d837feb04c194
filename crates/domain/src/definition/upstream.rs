//! Which node leads to which, asked for many pairs at once.

use super::graph::Graph;
use crate::pipeline::NodeIx;

/// Whether `read` leads to `reader`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// Comes back where the answer is no.
    pub(super) index: usize,
    pub(super) reader: NodeIx,
    /// Whether the reader may itself be read.
    pub(super) includes_reader: bool,
    pub(super) read: NodeIx,
}

/// How many nodes are followed through the graph at once: one bit each.
const BATCH: usize = u128::BITS as usize;

/// The questions whose answer is no, in their order.
///
/// Most nodes read what leads to them directly. For the rest, the nodes that are read are followed through the graph in
/// batches, so that all questions together cost (nodes + edges) × (nodes that are read) / 128 steps.
pub(super) fn unanswered(graph: &Graph, questions: &[Question]) -> Vec<usize> {
    let mut open: Vec<_> = questions.iter().filter(|question| !is_near(graph, question)).collect();
    open.sort_by_key(|question| question.read);
    let mut read: Vec<_> = open.iter().map(|question| question.read).collect();
    read.dedup();
    let mut failed = Vec::new();
    let mut open = open.as_slice();
    for batch in read.chunks(BATCH) {
        let last = batch.last().copied().unwrap_or_default();
        let (these, rest) = open.split_at(open.partition_point(|question| question.read <= last));
        open = rest;
        let reached = follow(graph, batch);
        let answered = |question: &&&Question| {
            let bit = batch.binary_search(&question.read).unwrap_or_default();
            reached[question.reader] >> bit & 1 == 0
        };
        failed.extend(these.iter().filter(answered).map(|question| question.index));
    }
    failed.sort_unstable();
    failed
}

fn is_near(graph: &Graph, question: &Question) -> bool {
    (question.includes_reader && question.reader == question.read)
        || graph.incoming[question.reader]
            .iter()
            .take(8)
            .any(|from| *from == question.read)
}

/// For each node the set of those of the batch that lead to it, as bits.
fn follow(graph: &Graph, batch: &[NodeIx]) -> Vec<u128> {
    let mut own = vec![0_u128; graph.incoming.len()];
    for (bit, node) in batch.iter().enumerate() {
        own[*node] = 1 << bit;
    }
    let mut reached = vec![0_u128; graph.incoming.len()];
    // A component comes after all that lead to it, and its nodes all lead to each other.
    for component in &graph.components {
        let all = component
            .iter()
            .flat_map(|node| &graph.incoming[*node])
            .fold(0, |all, from| all | reached[*from] | own[*from]);
        for node in component {
            reached[*node] = all;
        }
    }
    reached
}
