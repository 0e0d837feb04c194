//! Drives a run as the engine does, without a clock, a database or a network: plan, append, settle, apply.

mod case;
mod story;
mod timing;

use std::collections::{BTreeMap, HashMap};

use gathering_domain::node_event::{Attempt, NodeEvent};
use gathering_domain::pipeline::NodeIx;
use gathering_domain::planner::{AttemptEnd, Plan, Start};
use gathering_domain::progress::Progress;
use gathering_domain::run_state::Outcome;
use jiff::{SignedDuration, Timestamp};

pub(crate) use case::{Case, Scripted};
pub(crate) use story::{line, story};
pub(crate) use timing::{START, Timing, chance};

/// A run that is idle for longer than this leaves the memory, and comes back from its journal.
const RELEASE_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) node: NodeIx,
    pub(crate) event: NodeEvent,
}

/// What the planner and the attempts did, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Started(NodeIx, Attempt),
    Happened(Entry),
}

/// A run under way, or over.
#[derive(Debug)]
pub(crate) struct Simulation<'a> {
    case: &'a Case,
    timing: Timing,
    now: Timestamp,
    pub(crate) progress: Progress,
    /// What is durable.
    pub(crate) journal: Vec<Entry>,
    /// The length of the journal after each append: where a crash may cut it.
    pub(crate) appends: Vec<usize>,
    pub(crate) trace: Vec<Step>,
    /// The configs that attempts were given.
    pub(crate) configs: Vec<(NodeIx, String)>,
    /// When each attempt ended.
    pub(crate) ends: HashMap<(NodeIx, u32), Timestamp>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) turns: usize,
    pending: Vec<Entry>,
    flying: BTreeMap<(Timestamp, NodeIx), Attempt>,
}

impl<'a> Simulation<'a> {
    /// A run that has not begun.
    pub(crate) fn new(case: &'a Case, timing: Timing) -> Self {
        Self::resume(case, timing, &[], START)
    }

    /// A run as its journal left it.
    pub(crate) fn resume(case: &'a Case, timing: Timing, journal: &[Entry], now: Timestamp) -> Self {
        Self {
            case,
            timing,
            now,
            progress: replay(case, journal),
            journal: journal.to_vec(),
            appends: Vec::new(),
            trace: Vec::new(),
            configs: Vec::new(),
            ends: HashMap::new(),
            outcome: None,
            turns: 0,
            pending: Vec::new(),
            flying: BTreeMap::new(),
        }
    }

    /// Goes on to the end.
    pub(crate) fn run(mut self) -> Self {
        let most = 100 + 50 * self.case.pipeline.nodes.len();
        while self.outcome.is_none() {
            self.turn();
            assert!(self.turns < most, "the run does not end: {:?}", self.progress.nodes());
        }
        self
    }

    /// One turn of the engine's loop.
    pub(crate) fn turn(&mut self) {
        self.turns += 1;
        self.plan();
        if self.outcome.is_some() {
            return self.append();
        }
        if self.flying.is_empty() && self.progress.wake_at().is_some_and(|at| at > self.now + RELEASE_AFTER) {
            return self.release();
        }
        let waits = |entry: &Entry| matches!(entry.event, NodeEvent::WaitStarted { .. });
        if self.pending.iter().any(waits) {
            self.append();
        }
        self.wait();
    }

    /// A few nodes at a time, as the driver does.
    fn plan(&mut self) {
        while self.plan_few() {}
    }

    fn plan_few(&mut self) -> bool {
        let Plan {
            records,
            starts,
            outcome,
            more,
        } = self.progress.next_few(self.now, 3);
        for (node, event) in records {
            self.note(node, event);
        }
        for Start { node, attempt, config } in starts {
            let end = self.timing.end(self.now, node, attempt.number);
            self.trace.push(Step::Started(node, attempt));
            self.configs.push((node, config.text().to_owned()));
            self.ends.insert((node, attempt.number), end);
            let other = self.flying.insert((end, node), attempt);
            assert_eq!(other, None, "one attempt of a node at a time");
        }
        assert_eq!(outcome.is_some(), self.progress.is_done());
        self.outcome = outcome;
        more
    }

    /// Leaves the memory until the next timer.
    fn release(&mut self) {
        self.append();
        self.now = self.progress.wake_at().expect("only a run with a timer is released");
        self.progress = replay(self.case, &self.journal);
    }

    /// Waits for the next attempt or timer, and takes in what the attempts that ended came to.
    fn wait(&mut self) {
        let next = [
            self.progress.wake_at(),
            self.flying.first_key_value().map(|((end, _), _)| *end),
        ];
        let next = next
            .into_iter()
            .flatten()
            .min()
            .expect("a run that has not ended waits for something");
        self.now = self.now.max(next);
        let mut settled = Vec::new();
        while let Some(flight) = self.flying.first_entry().filter(|flight| flight.key().0 <= self.now) {
            let ((_, node), attempt) = flight.remove_entry();
            settled.push((node, self.settle(node, attempt)));
        }
        if settled.is_empty() {
            return;
        }
        for (node, event) in &settled {
            self.note(*node, event.clone());
        }
        self.append();
        for (node, event) in &settled {
            self.progress
                .apply(*node, event, self.now)
                .expect("the planner started it");
        }
    }

    fn settle(&self, node: NodeIx, attempt: Attempt) -> NodeEvent {
        let result = self.case.result(node, attempt.number);
        let end = AttemptEnd { node, attempt, result };
        self.progress.settle(end, self.now, chance(node, attempt.number))
    }

    fn note(&mut self, node: NodeIx, event: NodeEvent) {
        let entry = Entry {
            at: self.now,
            node,
            event,
        };
        self.trace.push(Step::Happened(entry.clone()));
        self.pending.push(entry);
    }

    fn append(&mut self) {
        self.journal.append(&mut self.pending);
        self.appends.push(self.journal.len());
    }
}

/// The fold of a journal.
pub(crate) fn replay(case: &Case, journal: &[Entry]) -> Progress {
    let mut progress = Progress::new(case.scope());
    for Entry { at, node, event } in journal {
        progress.apply(*node, event, *at).expect("the journal fits the table");
    }
    progress
}
