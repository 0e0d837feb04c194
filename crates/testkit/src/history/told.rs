//! What clients were told, against what is true.

use std::collections::BTreeMap;

use gathering_domain::RunId;

use super::{History, Told, Violation};

/// Notes each promise to a client that the database does not keep.
pub(super) fn check(history: &History, found: &mut Vec<Violation>) {
    let heads = history.runs.iter().filter_map(|run| Some((run.id, run.head.as_ref()?)));
    let heads: BTreeMap<RunId, _> = heads.collect();
    let mut started: BTreeMap<&str, RunId> = BTreeMap::new();
    for told in &history.told {
        match told {
            Told::Started { key, run } => {
                let first = *started.entry(key).or_insert(*run);
                if first != *run {
                    found.push(Violation::StartedTwice {
                        key: key.clone(),
                        first,
                        then: *run,
                    });
                }
            }
            Told::Ended { run, status } => {
                let now = heads.get(run).map(|head| head.status.as_str());
                if now != Some(status) {
                    found.push(Violation::ToldOtherwise {
                        run: *run,
                        told: status.clone(),
                        now: now.map(str::to_owned),
                    });
                }
            }
        }
    }
}
