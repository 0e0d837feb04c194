//! What came to receivers and handlers, against what the journals say was done.

use std::collections::{BTreeMap, BTreeSet};

use gathering_domain::RunId;
use jiff::Timestamp;

use super::graph::Graph;
use super::{Effect, History, NoStart, Origin, RunHistory, Violation};

/// The effects of a history, by the node that each is of.
pub(super) struct Effects<'a> {
    history: &'a History,
    runs: BTreeMap<RunId, &'a RunHistory>,
}

/// A node that had effects.
struct Acted<'a> {
    /// The first of its effects.
    effect: &'a Effect,
    /// When the earliest of those came whose time is known.
    at: Option<Timestamp>,
    /// The first key that it sent.
    key: Option<&'a str>,
}

impl<'a> Effects<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let runs = history.runs.iter().map(|run| (run.id, run)).collect();
        Self { history, runs }
    }

    pub(super) fn check(&self, found: &mut Vec<Violation>) {
        let mut graph: Option<(RunId, Graph<'_>)> = None;
        for (origin, acted) in self.acted(found) {
            let Some(run) = self.runs.get(&origin.run) else {
                found.push(without_start(acted.effect, &origin.key(), NoStart::UnknownRun));
                continue;
            };
            // They come run by run.
            let (_, graph) = match graph.take() {
                Some(same) if same.0 == run.id => graph.insert(same),
                _ => graph.insert((run.id, Graph::of(run))),
            };
            if let Some(why) = graph.no_start(&origin.node) {
                found.push(without_start(acted.effect, &origin.key(), why));
            } else if let Some(at) = acted.at {
                found.extend(early(graph, &origin, at));
            }
        }
        self.missing(found);
    }

    /// Which nodes acted; notes on the way what is wrong with their keys.
    fn acted(&self, found: &mut Vec<Violation>) -> BTreeMap<Origin, Acted<'a>> {
        let mut acted: BTreeMap<Origin, Acted<'a>> = BTreeMap::new();
        for (place, effect) in self.history.effects.iter().enumerate() {
            let key = effect.key.as_deref();
            if key.is_none() {
                found.push(Violation::NoKey {
                    what: effect.what.clone(),
                    place,
                    whose: effect.origin.as_ref().map(Origin::key),
                });
            }
            let origin = effect.origin.clone().or_else(|| Origin::of_key(key?));
            match (origin, key) {
                (Some(origin), _) => {
                    let first = acted.get(&origin).and_then(|known| known.key);
                    found.extend(key.and_then(|key| fault_of_key(&origin, key, first)));
                    note(&mut acted, origin, effect);
                }
                (None, Some(key)) => found.push(without_start(effect, key, NoStart::UnknownRun)),
                (None, None) => {}
            }
        }
        acted
    }

    /// Completed nodes whose request never came.
    fn missing(&self, found: &mut Vec<Violation>) {
        let seen: BTreeSet<&str> = self
            .history
            .effects
            .iter()
            .filter_map(|effect| effect.key.as_deref())
            .collect();
        for run in &self.history.runs {
            let senders: BTreeSet<&str> = run
                .nodes
                .iter()
                .filter(|node| node.sends)
                .map(|node| node.id.as_str())
                .collect();
            let completed = run.entries.iter().filter(|entry| entry.kind == "node_completed");
            for (entry, node) in completed.filter_map(|entry| Some((entry, entry.node.as_deref()?))) {
                let key = format!("{}/{node}", run.id);
                if senders.contains(node) && !seen.contains(key.as_str()) {
                    found.push(Violation::MissingEffect {
                        run: run.id,
                        node: node.to_owned(),
                        seq: entry.seq,
                    });
                }
            }
        }
    }
}

fn note<'a>(acted: &mut BTreeMap<Origin, Acted<'a>>, origin: Origin, effect: &'a Effect) {
    let known = acted.entry(origin).or_insert(Acted {
        effect,
        at: None,
        key: None,
    });
    known.key = known.key.or(effect.key.as_deref());
    known.at = [known.at, effect.at].into_iter().flatten().min();
}

/// What is wrong with the key of a node that sent `first` before, if it sent any.
fn fault_of_key(origin: &Origin, key: &str, first: Option<&str>) -> Option<Violation> {
    let Some(first) = first else {
        return (key != origin.key()).then(|| Violation::WrongKey {
            run: origin.run,
            node: origin.node.clone(),
            key: key.to_owned(),
        });
    };
    (key != first).then(|| Violation::KeyChanged {
        run: origin.run,
        node: origin.node.clone(),
        first: first.to_owned(),
        then: key.to_owned(),
    })
}

fn without_start(effect: &Effect, name: &str, why: NoStart) -> Violation {
    Violation::EffectWithoutStart {
        what: effect.what.clone(),
        name: name.to_owned(),
        why,
    }
}

/// The inputs of a node that became durable only after it had acted.
fn early<'a>(graph: &Graph<'a>, origin: &'a Origin, at: Timestamp) -> impl Iterator<Item = Violation> + use<'a> {
    let late = graph
        .inputs(&origin.node)
        .into_iter()
        .filter(move |input| input.at > at);
    late.map(|input| Violation::EffectBeforeInput {
        run: origin.run,
        node: origin.node.clone(),
        input: input.node.clone().unwrap_or_default(),
        seq: input.seq,
    })
}
