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

/// Whether an attempt that was under way when the journal ends died with its process: some instance took the run over after it started,
/// be it that it could not go on with it itself.
pub(crate) fn is_lost(journal: &[EntryRow], node: &str) -> bool {
    let later = journal.iter().rev().take_while(|row| row.node.as_deref() != Some(node));
    later.into_iter().any(|row| row.kind == entry::TAKEN_OVER)
}

/// How many processes died while this node was under way: those that the journal tells of, the present one, and the first one of all,
/// before which nobody wrote down what was under way. Since its release from quarantine, if it was there.
pub(crate) fn losses(journal: &[EntryRow], node: &str) -> u32 {
    let of_node = || journal.iter().filter(|row| row.node.as_deref() == Some(node));
    let since = of_node().rev().take_while(|row| row.kind != "node_released");
    let lost = since.filter(|row| entry::failure_code(row).as_deref() == Some(ATTEMPT_LOST));
    let unwritten = 1 + u32::from(!of_node().any(|row| row.kind == "node_released"));
    u32::try_from(lost.count())
        .unwrap_or(u32::MAX)
        .saturating_add(unwritten)
}
