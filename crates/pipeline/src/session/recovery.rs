//! What a journal tells whoever goes on with its run.

use std::collections::HashMap;
use std::sync::Arc;

use gathering_domain::pipeline::{NodeIx, Pipeline};
use gathering_domain::planner::ATTEMPT_LOST;
use gathering_domain::progress::Progress;
use gathering_domain::scope::{Outputs, RunFacts, Scope};
use gathering_domain::trial::Suspect;
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

/// Who had the run before whoever reads its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nobody, or somebody who gave it back, or this very instance.
    Nobody,
    /// An instance that others take for dead although its process lives: this one's own, fenced while it could not reach the database.
    Fenced,
    /// An instance that died.
    Dead,
}

/// What a journal tells of a node about the processes that died.
#[derive(Debug, Default, Clone, Copy)]
struct Deaths {
    /// What those say that died while it was under way, as far as that was written down; since its release from quarantine, if it was
    /// there.
    written: Suspect,
    /// If its last attempt was on trial and what that came to is not written down: together with how many, itself included.
    together: Option<u32>,
    /// Whether some instance took the run over after the last entry about the node.
    last_lost: bool,
}

/// The processes that died under the nodes of a run, read from its journal once for all of them.
pub(crate) struct Losses<'a> {
    nodes: HashMap<&'a str, Deaths>,
    take_overs: usize,
    /// Whether nothing was written since the last of them.
    ends_with_one: bool,
}

impl<'a> Losses<'a> {
    pub(crate) fn read(journal: &'a [EntryRow]) -> Self {
        let mut nodes: HashMap<&str, Deaths> = HashMap::new();
        let take_overs = || journal.iter().filter(|row| row.kind == entry::TAKEN_OVER);
        let last_take_over = journal.iter().rposition(|row| row.kind == entry::TAKEN_OVER);
        for (place, row) in journal.iter().enumerate() {
            let Some(node) = &row.node else { continue };
            let deaths = nodes.entry(node).or_default();
            if row.kind == "node_released" {
                *deaths = Deaths::default();
            } else if entry::failure_code(row).as_deref() == Some(ATTEMPT_LOST) {
                deaths.written = deaths.written.lost(deaths.together);
            }
            deaths.together = entry::together(row);
            deaths.last_lost = last_take_over.is_some_and(|last| last > place);
        }
        Self {
            nodes,
            take_overs: take_overs().count(),
            ends_with_one: last_take_over.is_some_and(|last| last + 1 == journal.len()),
        }
    }

    /// Whether some instance took the run over before: since then starts are written down.
    pub(crate) fn is_watched(&self) -> bool {
        self.take_overs > 0
    }

    /// Whether the only instance that took it over passed it on without settling what was under way before.
    pub(crate) fn is_passed_on(&self) -> bool {
        self.take_overs == 1 && self.ends_with_one
    }

    /// Whether an attempt that was under way when the journal ends died with its process: some instance took the run over after it
    /// started, be it that it could not go on with it itself.
    pub(crate) fn is_lost(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|deaths| deaths.last_lost)
    }

    /// Together with how many the node is on trial when the journal ends, itself included; `None` if it is not.
    pub(crate) fn together(&self, node: &str) -> Option<u32> {
        self.nodes.get(node).and_then(|deaths| deaths.together)
    }

    /// What the processes that are known to have died say about each node; those under which none did are left out.
    pub(crate) fn suspects(&self, pipeline: &Pipeline) -> HashMap<NodeIx, Suspect> {
        let suspects = self.nodes.iter().filter(|(_, deaths)| deaths.written.deaths() > 0);
        suspects
            .filter_map(|(node, deaths)| Some((*pipeline.by_id.get(*node)?, deaths.written)))
            .collect()
    }
}
