//! What really happened, held against what was promised: the journals and heads of runs, and what receivers got.
//!
//! ```rust,no_run
//! # async fn example(database: &gathering_testkit::TestDatabase, receiver: &gathering_testkit::Receiver) {
//! use gathering_testkit::history::History;
//!
//! // At the end of a fault test, when everything has come to rest.
//! let history = History::read(&database.url(), Some(receiver)).await;
//! history.assert_sound();
//! # }
//! ```
//!
//! It takes nothing from the engine but the tables and the contract, so that it cannot share the engine's mistakes.

mod check;
mod effects;
mod graph;
mod journal;
mod read;
mod told;
mod violation;

use std::collections::BTreeSet;
use std::sync::Arc;

use gathering_domain::RunId;
use jiff::Timestamp;
use serde_json::Value;

pub use check::check;
pub use violation::{NoStart, Violation};

/// Runs that have come to rest, and the effects that came of them.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Each run once.
    pub runs: Vec<RunHistory>,
    /// In the order in which they came.
    pub effects: Vec<Effect>,
    /// In any order.
    pub told: Vec<Told>,
}

/// What a client was told, and so may rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A start with this Idempotency-Key, of one and the same pipeline, was accepted as this run.
    Started {
        /// The key.
        key: String,
        /// The run.
        run: RunId,
    },
    /// The run has ended, with this final status.
    Ended {
        /// The run.
        run: RunId,
        /// Such as `cancelled`.
        status: String,
    },
}

/// One run: what was written about it.
#[derive(Debug, Clone)]
pub struct RunHistory {
    /// Its id.
    pub id: RunId,
    /// Its row in `runs`; `None` where there is none although the run was accepted, or has a journal.
    pub head: Option<Head>,
    /// Its journal, in any order.
    pub entries: Vec<Entry>,
    /// The nodes of its definition; empty where that is not known, and then nothing that needs them is looked for.
    pub nodes: Arc<[Node]>,
}

/// What the row of a run says.
#[derive(Debug, Clone)]
pub struct Head {
    /// Such as `completed`.
    pub status: String,
    /// How often it was claimed, or cancelled.
    pub epoch: i32,
    /// When it was first claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// One entry of a journal.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: i32,
    /// The epoch of its writer.
    pub epoch: i32,
    /// When it happened.
    pub at: Timestamp,
    /// Such as `node_completed`.
    pub kind: String,
    /// The node that it is about.
    pub node: Option<String>,
    /// Its facts; null where there are none.
    pub data: Value,
}

/// What a definition says about a node, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// Such as `action` or `join`.
    pub kind: String,
    /// Whether it is a join of mode `any`, which does not wait for all nodes before it.
    pub joins_any: bool,
    /// Whether it cannot complete without a request that is among the effects.
    pub sends: bool,
    /// The nodes that edges lead to it from.
    pub after: Vec<String>,
}

/// A request that came to a receiver, or a call that came to a handler.
#[derive(Debug, Clone)]
pub struct Effect {
    /// What it was, for people: `POST /hook`.
    pub what: String,
    /// Its idempotency key.
    pub key: Option<String>,
    /// Whose it is, where that is known from elsewhere than the key: then the key itself can be judged.
    pub origin: Option<Origin>,
    /// When it came, by a clock that agrees with that of the instances; `None` where that is not known.
    pub at: Option<Timestamp>,
}

/// The node of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The run.
    pub run: RunId,
    /// The id of the node.
    pub node: String,
}

impl History {
    /// Takes note that somebody was told that these runs are accepted: those that are not there are lost.
    pub fn accept(&mut self, runs: impl IntoIterator<Item = RunId>) {
        let mut known: BTreeSet<RunId> = self.runs.iter().map(|run| run.id).collect();
        let missing = runs.into_iter().filter(|run| known.insert(*run));
        self.runs.extend(missing.map(RunHistory::missing));
    }

    /// Takes note of what clients were told; a run that is not there is lost.
    pub fn tell(&mut self, told: impl IntoIterator<Item = Told>) {
        self.told.extend(told);
        let runs: Vec<RunId> = self.told.iter().map(Told::run).collect();
        self.accept(runs);
    }

    /// Fails the test, with one sentence for each violation, where [`check`] finds any.
    #[track_caller]
    pub fn assert_sound(&self) {
        let found: Vec<String> = check(self).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "the history is wrong:\n  {}", found.join("\n  "));
    }
}

impl Told {
    /// The run that it is about.
    pub fn run(&self) -> RunId {
        match self {
            Self::Started { run, .. } | Self::Ended { run, .. } => *run,
        }
    }
}

impl RunHistory {
    /// A run of which nothing is known but its id.
    fn missing(id: RunId) -> Self {
        Self {
            id,
            head: None,
            entries: Vec::new(),
            nodes: Arc::default(),
        }
    }
}

impl Origin {
    /// The key that the contract promises for it.
    pub fn key(&self) -> String {
        format!("{}/{}", self.run, self.node)
    }

    /// The node that a key names, if it is one of ours.
    pub fn of_key(key: &str) -> Option<Self> {
        let (run, node) = key.split_once('/')?;
        let origin = Self {
            run: run.parse().ok()?,
            node: node.to_owned(),
        };
        // A UUID can be written in several ways; a key in one.
        (origin.key() == key).then_some(origin)
    }
}
