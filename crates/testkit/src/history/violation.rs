//! What can be wrong with a history, each in one sentence.

use std::fmt;

use gathering_domain::RunId;
use jiff::Timestamp;
use thiserror::Error;

/// A promise that a history breaks. Numbers (`seq`, `first`, `end`…) are those of journal entries.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each sentence says what its fields are")]
pub enum Violation {
    /// Without a status, its row is gone or never was.
    #[error("run {run} was accepted and never ended: {}", StatusOr(status.as_deref(), "it is not in the database"))]
    LostRun { run: RunId, status: Option<String> },

    /// Every node of a run that completed has an end of its own.
    #[error("run {run} completed, but node {node} has no end")]
    LostNode { run: RunId, node: String },

    /// Completed, failed, timed out, skipped or cancelled: once.
    #[error("node {node} of run {run} ended in entry {first}, and again in entry {seq}")]
    EndedTwice {
        run: RunId,
        node: String,
        first: i32,
        seq: i32,
    },

    /// The end of a node is the last that is written about it.
    #[error("node {node} of run {run} ended in entry {end}, but entry {seq} ({kind}) is about it, too")]
    AfterNodeEnd {
        run: RunId,
        node: String,
        end: i32,
        seq: i32,
        kind: String,
    },

    /// A node in quarantine rests until it is released, failed or cancelled.
    #[error(
        "node {node} of run {run} was quarantined in entry {quarantined}, and entry {seq} ({kind}) is about it all the same"
    )]
    ActedInQuarantine {
        run: RunId,
        node: String,
        quarantined: i32,
        seq: i32,
        kind: String,
    },

    /// What is released was in quarantine.
    #[error("node {node} of run {run} was released in entry {seq}, but was not in quarantine")]
    ReleasedFromNothing { run: RunId, node: String, seq: i32 },

    /// Entries are about nodes of the definition.
    #[error("entry {seq} of run {run} is about node {node}, which the definition does not have")]
    UnknownNode { run: RunId, node: String, seq: i32 },

    /// Numbers start at 1 and have no gaps.
    #[error("the journal of run {run} has a gap: entry {seq} stands where {expected} should")]
    Gap { run: RunId, expected: i32, seq: i32 },

    /// Each number has one entry.
    #[error("the journal of run {run} has entry {seq} more than once")]
    RepeatedSeq { run: RunId, seq: i32 },

    /// `run_ended` is the last entry.
    #[error("run {run} ended in entry {end}, but entry {seq} ({kind}, node {}) comes after it", node.as_deref().unwrap_or("-"))]
    AfterEnd {
        run: RunId,
        node: Option<String>,
        end: i32,
        seq: i32,
        kind: String,
    },

    /// The head is what the journal says; without `seq` the journal has no end.
    #[error("the head of run {run} says {head}, but {}", JournalEnd(*seq, journal.as_deref()))]
    StatusDisagrees {
        run: RunId,
        head: String,
        seq: Option<i32>,
        journal: Option<String>,
    },

    /// A run does not end before it starts; else it ended when the journal says.
    #[error("the head of run {run} says that it ended at {head}, but entry {seq} says {journal}")]
    EndTimeDisagrees {
        run: RunId,
        seq: i32,
        head: Timestamp,
        journal: Timestamp,
    },

    /// Nobody writes under an epoch that no claim gave.
    #[error("entry {seq} of run {run} has epoch {epoch}, but the run is at epoch {head} only")]
    EpochAheadOfHead {
        run: RunId,
        seq: i32,
        epoch: i32,
        head: i32,
    },

    /// Epochs only rise.
    #[error("entry {seq} of run {run} has epoch {epoch} after an entry of epoch {before}")]
    EpochBackwards {
        run: RunId,
        seq: i32,
        epoch: i32,
        before: i32,
    },

    /// The owner from whom a run was taken is fenced.
    #[error(
        "entry {seq} of run {run} is of epoch {epoch}, from which entry {taken_over} (epoch {by}) had taken it over"
    )]
    WrittenAfterTakeOver {
        run: RunId,
        seq: i32,
        epoch: i32,
        taken_over: i32,
        by: i32,
    },

    /// Effects are of nodes that ran. `name` is the key, or what else is known of whose it is.
    #[error("nothing can have started the effect {what} with key {name}: {why}")]
    EffectWithoutStart { what: String, name: String, why: NoStart },

    /// Durable before effect.
    #[error(
        "node {node} of run {run} had an effect before its input was durable: {input} completed later, in entry {seq}"
    )]
    EffectBeforeInput {
        run: RunId,
        node: String,
        input: String,
        seq: i32,
    },

    /// What completed was really done.
    #[error("node {node} of run {run} completed in entry {seq}, but the receiver never saw its key")]
    MissingEffect { run: RunId, node: String, seq: i32 },

    /// Every request carries a key; `place` counts the effects from 0.
    #[error("effect {place}, {what}, came without Idempotency-Key{}", Whose(whose.as_deref()))]
    NoKey {
        what: String,
        place: usize,
        whose: Option<String>,
    },

    /// All attempts of a node carry the same key.
    #[error("node {node} of run {run} sent the key {first}, and later the key {then}")]
    KeyChanged {
        run: RunId,
        node: String,
        first: String,
        then: String,
    },

    /// The key is run/node.
    #[error("node {node} of run {run} sent the key {key}")]
    WrongKey { run: RunId, node: String, key: String },

    /// An Idempotency-Key stands for one start.
    #[error("the Idempotency-Key {key} started run {first}, and run {then} as well")]
    StartedTwice { key: String, first: RunId, then: RunId },

    /// An end that a client was told of is the end.
    #[error("a client was told that run {run} ended as {told}, but {}", StatusOr(now.as_deref(), "it is not in the database"))]
    ToldOtherwise {
        run: RunId,
        told: String,
        now: Option<String>,
    },
}

impl Violation {
    /// The run that it is about, where it is about one.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::LostRun { run, .. }
            | Self::LostNode { run, .. }
            | Self::EndedTwice { run, .. }
            | Self::AfterNodeEnd { run, .. }
            | Self::ActedInQuarantine { run, .. }
            | Self::ReleasedFromNothing { run, .. }
            | Self::UnknownNode { run, .. }
            | Self::Gap { run, .. }
            | Self::RepeatedSeq { run, .. }
            | Self::AfterEnd { run, .. }
            | Self::StatusDisagrees { run, .. }
            | Self::EndTimeDisagrees { run, .. }
            | Self::EpochAheadOfHead { run, .. }
            | Self::EpochBackwards { run, .. }
            | Self::WrittenAfterTakeOver { run, .. }
            | Self::EffectBeforeInput { run, .. }
            | Self::MissingEffect { run, .. }
            | Self::KeyChanged { run, .. }
            | Self::WrongKey { run, .. }
            | Self::StartedTwice { then: run, .. }
            | Self::ToldOtherwise { run, .. } => Some(*run),
            Self::EffectWithoutStart { .. } | Self::NoKey { .. } => None,
        }
    }
}

/// Why an effect cannot have been started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoStart {
    /// Or the key is none of ours.
    UnknownRun,
    /// The definition has no such node.
    UnknownNode,
    /// The node is of a kind that has no effects.
    NotAnAction,
    /// No instance ever had the run.
    NeverClaimed,
    /// By the entry of this number.
    Skipped(i32),
}

impl fmt::Display for NoStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRun => write!(f, "there is no such run"),
            Self::UnknownNode => write!(f, "the run has no such node"),
            Self::NotAnAction => write!(f, "the node is no action"),
            Self::NeverClaimed => write!(f, "nobody ever claimed the run"),
            Self::Skipped(seq) => write!(f, "entry {seq} skipped the node"),
        }
    }
}

struct StatusOr<'a>(Option<&'a str>, &'static str);

impl fmt::Display for StatusOr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => write!(f, "it is {status}"),
            None => write!(f, "{}", self.1),
        }
    }
}

struct JournalEnd<'a>(Option<i32>, Option<&'a str>);

impl fmt::Display for JournalEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(seq), status) => write!(f, "entry {seq} ends it as {}", status.unwrap_or("nothing")),
            Self(None, _) => write!(f, "its journal has no end"),
        }
    }
}

struct Whose<'a>(Option<&'a str>);

impl fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |whose| write!(f, "; it is of {whose}"))
    }
}
