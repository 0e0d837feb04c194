//! Recovery: from any prefix of its journal, a run goes on to the same end.

use gathering_domain::Json;
use gathering_domain::node_event::{Attempt, Failure, NodeEvent, SkipReason};
use gathering_domain::node_state::NodeState;
use gathering_domain::pipeline::{JoinMode, NodeIx, NodeKind};
use gathering_domain::run_state::Outcome;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::random_dag::{EVERYTHING, Flavour, cases};
use crate::simulation::{Case, Entry, START, Simulation, Timing};

/// No node sees which of its branches was first, so time plays no part in how a run ends.
const WITHOUT_RACES: Flavour = Flavour {
    any_joins: false,
    reads: true,
};
/// A join of any sees which branch was first, but nothing depends on what it saw.
const WITHOUT_READERS: Flavour = Flavour {
    any_joins: true,
    reads: false,
};

proptest! {
    /// An append is all or nothing, so a crash leaves the journal as it was after one of them. Where the attempts that are run
    /// again end when the lost ones would have ended, nothing at all differs from then on, whatever the pipeline holds.
    #[test]
    fn after_any_append_the_journal_goes_on_as_if_nothing_had_happened(case in cases(EVERYTHING), seed: u64) {
        let whole = Simulation::new(&case, Timing::Seeded(seed)).run();
        let at = |length: usize| whole.journal[..length].last().map_or(START, |entry| entry.at);
        for length in std::iter::once(&0).chain(&whole.appends) {
            let timing = Timing::Recorded(whole.ends.clone());
            let resumed = Simulation::resume(&case, timing, &whole.journal[..*length], at(*length)).run();
            prop_assert_eq!(timeless(&resumed.journal), timeless(&whole.journal), "cut after {}", length);
            prop_assert_eq!(&resumed.outcome, &whole.outcome);
        }
    }

    /// Any prefix, also one that no append leaves, and attempts that take other times than the lost ones. What a join of any
    /// gives is then a matter of time, and so is what reads it; that is why the pipeline has none here.
    #[test]
    fn from_any_prefix_each_node_comes_to_the_same_end(case in cases(WITHOUT_RACES), seeds: (u64, u64), cuts in prop::array::uniform4(any::<Index>())) {
        let whole = Simulation::new(&case, Timing::Seeded(seeds.0)).run();
        for resumed in resumed(&case, &whole, seeds.1, cuts) {
            prop_assert_eq!(ends(&resumed), ends(&whole));
            prop_assert_eq!(outcome(&resumed), outcome(&whole));
        }
    }

    /// With joins of any, the same holds for every state, and for every output but theirs and those of joins that gather theirs,
    /// as long as no expression reads what may not be there yet. (A broken edge fails a join of any only when it is the first,
    /// so there is none either.)
    #[test]
    fn which_branch_was_first_changes_only_what_the_join_saw(case in cases(WITHOUT_READERS), seeds: (u64, u64), cuts in prop::array::uniform4(any::<Index>())) {
        let whole = Simulation::new(&case, Timing::Seeded(seeds.0)).run();
        let by_time = by_time(&case);
        for resumed in resumed(&case, &whole, seeds.1, cuts) {
            for (node, (resumed, whole)) in ends(&resumed).into_iter().zip(ends(&whole)).enumerate() {
                prop_assert_eq!(&resumed.facts, &whole.facts, "{}", node);
                if by_time[node] {
                    prop_assert_eq!(resumed.output.is_some(), whole.output.is_some(), "{}", node);
                } else {
                    prop_assert_eq!(resumed.output, whole.output, "{}", node);
                }
            }
            prop_assert_eq!(resumed.outcome.as_ref().map(Outcome::name), whole.outcome.as_ref().map(Outcome::name));
        }
    }

    /// However often it crashes.
    #[test]
    fn a_run_that_crashes_after_each_append_ends_all_the_same(case in cases(WITHOUT_RACES), seeds: (u64, u64)) {
        let whole = Simulation::new(&case, Timing::Seeded(seeds.0)).run();
        let (mut journal, mut lives) = (Vec::<Entry>::new(), 0);
        let crashed = loop {
            lives += 1;
            let now = journal.last().map_or(START, |entry| entry.at);
            let mut life = Simulation::resume(&case, Timing::Seeded(seeds.1 ^ lives), &journal, now);
            while life.outcome.is_none() && life.journal.len() == journal.len() {
                life.turn();
            }
            if life.outcome.is_some() {
                break life;
            }
            journal = life.journal;
        };
        prop_assert_eq!(ends(&crashed), ends(&whole));
        prop_assert_eq!(outcome(&crashed), outcome(&whole));
    }
}

/// Continuations of some prefixes of the journal, a while after their last entry.
fn resumed<'a>(case: &'a Case, whole: &Simulation<'_>, seed: u64, cuts: [Index; 4]) -> Vec<Simulation<'a>> {
    let resume = |cut: Index| {
        let journal = &whole.journal[..cut.index(whole.journal.len() + 1)];
        let now = journal.last().map_or(START, |entry| entry.at) + jiff::SignedDuration::from_millis(700);
        Simulation::resume(case, Timing::Seeded(seed), journal, now).run()
    };
    cuts.into_iter().map(resume).collect()
}

/// Which nodes give what was there first: joins of any, and joins that gather what these gave.
fn by_time(case: &Case) -> Vec<bool> {
    let pipeline = &case.pipeline;
    let mut by_time: Vec<bool> = Vec::new();
    for node in &pipeline.nodes {
        // Edges lead forward, so what stands before a node is known already.
        let gathers = node.incoming.iter().any(|edge| by_time[pipeline.edges[*edge].from]);
        by_time.push(match node.kind {
            NodeKind::Join { mode } => mode == JoinMode::Any || gathers,
            NodeKind::Trigger
            | NodeKind::Condition { .. }
            | NodeKind::Transform { .. }
            | NodeKind::Parallel
            | NodeKind::Delay { .. }
            | NodeKind::Action { .. } => false,
        });
    }
    by_time
}

/// How a node ended, without when.
#[derive(Debug, PartialEq)]
struct End {
    facts: (&'static str, u32, Option<Failure>, Option<SkipReason>),
    output: Option<Json>,
}

fn ends(run: &Simulation<'_>) -> Vec<End> {
    let end = |(node, state): (NodeIx, &NodeState)| {
        let reason = if let NodeState::Skipped { reason, .. } = state {
            Some(*reason)
        } else {
            None
        };
        End {
            facts: (state.name(), state.attempts(), state.error().cloned(), reason),
            output: run.progress.scope().outputs.get(node).cloned(),
        }
    };
    run.progress.nodes().iter().enumerate().map(end).collect()
}

/// How a run ended: which of several failed nodes it names is a matter of time.
fn outcome(run: &Simulation<'_>) -> Option<(&'static str, Option<Json>)> {
    let output = |outcome: &Outcome| {
        if let Outcome::Completed { output } = outcome {
            Some(output.clone())
        } else {
            None
        }
    };
    run.outcome.as_ref().map(|outcome| (outcome.name(), output(outcome)))
}

/// The journal without when its attempts started: those that are run again start later.
fn timeless(journal: &[Entry]) -> Vec<Entry> {
    let mut journal = journal.to_vec();
    for Entry { event, .. } in &mut journal {
        if let NodeEvent::AttemptFailed { attempt, .. }
        | NodeEvent::Completed { attempt, .. }
        | NodeEvent::Failed { attempt, .. }
        | NodeEvent::TimedOut { attempt, .. } = event
        {
            *attempt = Attempt {
                started_at: START,
                ..*attempt
            };
        }
    }
    journal
}
