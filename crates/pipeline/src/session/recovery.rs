//! What a journal tells whoever goes on with its run.

use std::collections::HashMap;
use std::sync::Arc;

use gathering_domain::pipeline::Pipeline;
use gathering_domain::planner::ATTEMPT_LOST;
use gathering_domain::progress::Progress;
use gathering_domain::scope::{Outputs, RunFacts, Scope};
use gathering_persistence::Error;
use gathering_persistence::run_journal::EntryRow;
use gathering_persistence::runs::ClaimedRun;

use crate::entry;

/// The fold of a journal.
pub(crate) fn replay(run: &ClaimedRun, pipeline: &Arc<Pipeline>, journal: &[EntryRow]) -> Result<Progress, Error> {
    let mut progress = Progress::new(Scope {
        pipeline: pipeline.clone(),
        input: run.input.clone(),
        outputs: Outputs::new(pipeline.nodes.len()),
        run: RunFacts { id: run.id },
    });
    for row in journal {
        if let Some((node, event)) = entry::decode(pipeline, row)? {
            progress
                .apply(node, &event, row.at)
                .map_err(|error| entry::corrupt(row, &error.to_string()))?;
        }
    }
    Ok(progress)
}

/// What a journal tells of a node about the processes that died.
#[derive(Debug, Default, Clone, Copy)]
struct Deaths {
    /// How many died while it was under way, as far as that was written down; since its release from quarantine, if it was there.
    written: u32,
    released: bool,
    /// Whether some instance took the run over after the last entry about the node.
    last_lost: bool,
}

/// The processes that died under the nodes of a run, read from its journal once for all of them.
pub(crate) struct Losses<'a>(HashMap<&'a str, Deaths>);

impl<'a> Losses<'a> {
    pub(crate) fn read(journal: &'a [EntryRow]) -> Self {
        let mut nodes: HashMap<&str, Deaths> = HashMap::new();
        let last_take_over = journal.iter().rposition(|row| row.kind == entry::TAKEN_OVER);
        for (place, row) in journal.iter().enumerate() {
            let Some(node) = &row.node else { continue };
            let deaths = nodes.entry(node).or_default();
            if row.kind == "node_released" {
                *deaths = Deaths {
                    released: true,
                    ..Deaths::default()
                };
            } else if entry::failure_code(row).as_deref() == Some(ATTEMPT_LOST) {
                deaths.written = deaths.written.saturating_add(1);
            }
            deaths.last_lost = last_take_over.is_some_and(|last| last > place);
        }
        Self(nodes)
    }

    /// Whether an attempt that was under way when the journal ends died with its process: some instance took the run over after it
    /// started, be it that it could not go on with it itself.
    pub(crate) fn is_lost(&self, node: &str) -> bool {
        self.0.get(node).is_some_and(|deaths| deaths.last_lost)
    }

    /// How many processes died while this node was under way: those that the journal tells of, the present one, and the first one of all,
    /// before which nobody wrote down what was under way.
    pub(crate) fn of(&self, node: &str) -> u32 {
        let deaths = self.0.get(node).copied().unwrap_or_default();
        deaths.written.saturating_add(1 + u32::from(!deaths.released))
    }
}
