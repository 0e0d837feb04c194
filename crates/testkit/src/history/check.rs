//! The whole check: each run by itself, then the effects against the runs.

use super::effects::Effects;
use super::journal::Journal;
use super::told;
use super::{Head, History, RunHistory, Violation};

/// Everything that is wrong with a history at rest, run by run, then the effects, then what clients were told; empty where nothing is.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for run in &history.runs {
        let journal = Journal::of(run);
        journal.sequence(&mut found);
        journal.epochs(&mut found);
        journal.nodes(&mut found);
        journal.quarantines(&mut found);
        match &run.head {
            Some(head) => against_head(run, head, &journal, &mut found),
            None => found.push(Violation::LostRun {
                run: run.id,
                status: None,
            }),
        }
    }
    Effects::of(history).check(&mut found);
    told::check(history, &mut found);
    found
}

fn against_head(run: &RunHistory, head: &Head, journal: &Journal<'_>, found: &mut Vec<Violation>) {
    ends(run, head, journal, found);
    if let Some(ahead) = journal.entries().find(|entry| entry.epoch > head.epoch) {
        found.push(Violation::EpochAheadOfHead {
            run: run.id,
            seq: ahead.seq,
            epoch: ahead.epoch,
            head: head.epoch,
        });
    }
    if head.status == "completed" {
        let ended = journal.ended();
        let lost = run.nodes.iter().filter(|node| !ended.contains(node.id.as_str()));
        found.extend(lost.map(|node| Violation::LostNode {
            run: run.id,
            node: node.id.clone(),
        }));
    }
}

fn ends(run: &RunHistory, head: &Head, journal: &Journal<'_>, found: &mut Vec<Violation>) {
    let Some(end) = journal.end() else {
        found.push(match head.finished_at {
            Some(_) => Violation::StatusDisagrees {
                run: run.id,
                head: head.status.clone(),
                seq: None,
                journal: None,
            },
            // It waits for somebody to decide, and is not lost.
            None if head.status == "waiting" && journal.rests() => return,
            None => Violation::LostRun {
                run: run.id,
                status: Some(head.status.clone()),
            },
        });
        return;
    };
    let status = end.data["status"].as_str();
    if status != Some(&head.status) {
        found.push(Violation::StatusDisagrees {
            run: run.id,
            head: head.status.clone(),
            seq: Some(end.seq),
            journal: status.map(str::to_owned),
        });
    }
    // A clock that went backwards makes no run end before it started.
    let at = head.started_at.map_or(end.at, |started| end.at.max(started));
    if let Some(finished) = head.finished_at.filter(|finished| *finished != at) {
        found.push(Violation::EndTimeDisagrees {
            run: run.id,
            seq: end.seq,
            head: finished,
            journal: at,
        });
    }
}
