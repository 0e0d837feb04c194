//! Journal entries: events as rows, and rows as events.

use gathering_domain::node_event::{Attempt, EdgeOutcome, Failure, HeldBy, NodeEvent, SkipReason};
use gathering_domain::pipeline::{NodeIx, Pipeline};
use gathering_domain::{DecisionId, InstanceId, Json};
use gathering_persistence::Error;
use gathering_persistence::run_journal::EntryRow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Written when another instance goes on with a run.
pub(crate) const TAKEN_OVER: &str = "taken_over";
/// Written when a run ends.
pub(crate) const RUN_ENDED: &str = "run_ended";

/// The data column of a take-over.
pub(crate) fn taken_over(by: InstanceId, epoch: i32) -> String {
    format!(r#"{{"by":"{by}","epoch":{epoch}}}"#)
}

#[derive(Serialize, Deserialize)]
struct AttemptFailed {
    #[serde(flatten)]
    attempt: Attempt,
    error: Failure,
    retry_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    until: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Held {
    #[serde(flatten)]
    attempt: Attempt,
    until: Timestamp,
    #[serde(rename = "breaker")]
    by: HeldBy,
}

#[derive(Serialize, Deserialize)]
struct Completed {
    #[serde(flatten)]
    attempt: Attempt,
    output: Json,
    #[serde(default, skip_serializing_if = "is_plain")]
    edges: EdgeOutcome,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    #[serde(flatten)]
    attempt: Attempt,
    error: Failure,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    continues: Option<EdgeOutcome>,
}

#[derive(Serialize, Deserialize)]
struct Quarantined {
    #[serde(flatten)]
    attempt: Attempt,
    error: Failure,
}

#[derive(Serialize, Deserialize)]
struct Skipped {
    reason: SkipReason,
}

/// With how many the node of an entry is on trial, itself included.
#[derive(Deserialize)]
struct OnTrial {
    #[serde(default)]
    together: Option<u32>,
}

/// Which decision an entry was written for.
#[derive(Deserialize)]
struct Decided {
    decision_id: DecisionId,
}

fn is_plain(edges: &EdgeOutcome) -> bool {
    *edges == EdgeOutcome::default()
}

/// The data column of an event.
pub(crate) fn encode(event: &NodeEvent) -> Option<String> {
    let encoded = match event {
        NodeEvent::AttemptStarted { attempt } => serde_json::to_string(attempt),
        NodeEvent::AttemptFailed {
            attempt,
            error,
            retry_at,
        } => serde_json::to_string(&AttemptFailed {
            attempt: *attempt,
            error: error.clone(),
            retry_at: *retry_at,
        }),
        NodeEvent::WaitStarted { until } => serde_json::to_string(&Waiting { until: *until }),
        NodeEvent::Held { attempt, until, by } => serde_json::to_string(&Held {
            attempt: *attempt,
            until: *until,
            by: by.clone(),
        }),
        NodeEvent::Completed { attempt, output, edges } => serde_json::to_string(&Completed {
            attempt: *attempt,
            output: output.clone(),
            edges: edges.clone(),
        }),
        NodeEvent::Failed {
            attempt,
            error,
            continues,
        }
        | NodeEvent::TimedOut {
            attempt,
            error,
            continues,
        } => serde_json::to_string(&Failed {
            attempt: *attempt,
            error: error.clone(),
            continues: continues.clone(),
        }),
        NodeEvent::Quarantined { attempt, error } => serde_json::to_string(&Quarantined {
            attempt: *attempt,
            error: error.clone(),
        }),
        NodeEvent::Skipped { reason } => serde_json::to_string(&Skipped { reason: *reason }),
        NodeEvent::Released | NodeEvent::Cancelled => return None,
    };
    // Numbers, strings and JSON that was checked before always serialize.
    encoded.ok()
}

/// The data column of an event that somebody decided: it names the decision, so that of two who decide at once each learns whose entry it is.
pub(crate) fn encode_decided(event: &NodeEvent, id: DecisionId) -> Option<String> {
    encode_with(event, "decision_id", id.to_string().into())
}

/// The data column of an attempt that starts, on trial together with so many, itself included; `None` if it is not on trial.
pub(crate) fn encode_started(event: &NodeEvent, together: Option<u32>) -> Option<String> {
    match together {
        None => encode(event),
        Some(together) => encode_with(event, "together", together.into()),
    }
}

fn encode_with(event: &NodeEvent, name: &str, fact: serde_json::Value) -> Option<String> {
    let facts = encode(event).and_then(|facts| serde_json::from_str(&facts).ok());
    let mut facts: serde_json::Map<_, _> = facts.unwrap_or_default();
    facts.insert(name.to_owned(), fact);
    serde_json::to_string(&facts).ok()
}

/// Together with how many an attempt starts that is on trial, itself included. Entries of older releases do not say it.
pub(crate) fn together(row: &EntryRow) -> Option<u32> {
    let started = row.data.as_ref().filter(|_| row.kind == "attempt_started")?;
    started.parse::<OnTrial>().ok()?.together
}

/// The decision that an entry was written for, if somebody decided it.
pub(crate) fn decision(row: &EntryRow) -> Option<DecisionId> {
    let decided = row
        .data
        .as_ref()
        .filter(|_| ["node_released", "node_failed"].contains(&row.kind.as_str()))?;
    Some(decided.parse::<Decided>().ok()?.decision_id)
}

/// The event of an entry, and its node; `None` for entries that are about the run as a whole.
pub(crate) fn decode(pipeline: &Pipeline, row: &EntryRow) -> Result<Option<(NodeIx, NodeEvent)>, Error> {
    let Some(id) = &row.node else { return Ok(None) };
    let node = *pipeline
        .by_id
        .get(id.as_str())
        .ok_or_else(|| corrupt(row, "its node is not in the pipeline"))?;
    Ok(Some((node, event(row)?)))
}

fn event(row: &EntryRow) -> Result<NodeEvent, Error> {
    Ok(match row.kind.as_str() {
        "attempt_started" => NodeEvent::AttemptStarted { attempt: data(row)? },
        "attempt_failed" => {
            let AttemptFailed {
                attempt,
                error,
                retry_at,
            } = data(row)?;
            NodeEvent::AttemptFailed {
                attempt,
                error,
                retry_at,
            }
        }
        "node_waiting" => NodeEvent::WaitStarted {
            until: data::<Waiting>(row)?.until,
        },
        "node_held" => {
            let Held { attempt, until, by } = data(row)?;
            NodeEvent::Held { attempt, until, by }
        }
        "node_completed" => {
            let Completed { attempt, output, edges } = data(row)?;
            NodeEvent::Completed { attempt, output, edges }
        }
        "node_failed" => {
            let Failed {
                attempt,
                error,
                continues,
            } = data(row)?;
            NodeEvent::Failed {
                attempt,
                error,
                continues,
            }
        }
        "node_timed_out" => {
            let Failed {
                attempt,
                error,
                continues,
            } = data(row)?;
            NodeEvent::TimedOut {
                attempt,
                error,
                continues,
            }
        }
        "node_quarantined" => quarantined(row).map(|(attempt, error)| NodeEvent::Quarantined { attempt, error })?,
        "node_released" => NodeEvent::Released,
        "node_skipped" => NodeEvent::Skipped {
            reason: data::<Skipped>(row)?.reason,
        },
        "node_cancelled" => NodeEvent::Cancelled,
        other => return Err(corrupt(row, &format!("its kind {other} is not known to this release"))),
    })
}

/// The last attempt of a node that was quarantined, and why it was.
pub(crate) fn quarantined(row: &EntryRow) -> Result<(Attempt, Failure), Error> {
    let Quarantined { attempt, error } = data(row)?;
    Ok((attempt, error))
}

/// Why the attempt failed that an entry tells of.
pub(crate) fn failure_code(row: &EntryRow) -> Option<String> {
    let failed = row.data.as_ref().filter(|_| row.kind == "attempt_failed")?;
    Some(failed.parse::<AttemptFailed>().ok()?.error.code)
}

pub(crate) fn corrupt(row: &EntryRow, reason: &str) -> Error {
    Error::Corrupt {
        table: "run_journal",
        reason: format!("entry {} of run {}: {reason}", row.seq, row.run_id),
    }
}

fn data<T: serde::de::DeserializeOwned>(row: &EntryRow) -> Result<T, Error> {
    let data = row.data.as_ref().ok_or_else(|| corrupt(row, "it has no data"))?;
    data.parse().map_err(|error| corrupt(row, &error.to_string()))
}
