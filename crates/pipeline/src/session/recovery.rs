//! What a journal tells whoever goes on with its run.

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

/// How many processes died while this node was under way: those that the journal tells of, the present one, and the first one of all,
/// before which nobody wrote down what was under way.
pub(crate) fn losses(journal: &[EntryRow], node: &str) -> u32 {
    let lost = journal
        .iter()
        .filter(|row| row.node.as_deref() == Some(node) && entry::failure_code(row) == Some(ATTEMPT_LOST.to_owned()));
    u32::try_from(lost.count()).unwrap_or(u32::MAX).saturating_add(2)
}
