//! What happened in a run, as lines that a test can show whole.

use gathering_domain::Json;
use gathering_domain::node_event::{EdgeOutcome, Failure, NodeEvent, SkipReason};
use gathering_domain::run_state::Outcome;
use jiff::{SignedDuration, Timestamp};

use super::{Case, Entry, START, Simulation, Step, Timing};

/// The whole run, where each attempt takes 100 ms.
pub(crate) fn story(case: &Case) -> Vec<String> {
    let run = Simulation::new(case, Timing::Same(SignedDuration::from_millis(100))).run();
    let steps = run.trace.iter().map(|step| line(case, step));
    steps.chain(run.outcome.as_ref().map(ending)).collect()
}

/// One step: seconds since the start, node, what happened.
pub(crate) fn line(case: &Case, step: &Step) -> String {
    let id = |node: usize| &case.pipeline.nodes[node].id;
    match step {
        Step::Started(node, attempt) => {
            format!("{} {} started {}", time(attempt.started_at), id(*node), attempt.number)
        }
        Step::Happened(Entry { at, node, event }) => format!("{} {} {}", time(*at), id(*node), told(event)),
    }
}

fn told(event: &NodeEvent) -> String {
    let name = event.name().trim_start_matches("node_");
    match event {
        NodeEvent::AttemptStarted { attempt } => format!("{name} {}", attempt.number),
        NodeEvent::AttemptFailed {
            attempt,
            error,
            retry_at,
        } => format!("{name} {} {}, again at {}", attempt.number, error.code, time(*retry_at)),
        NodeEvent::WaitStarted { until } => format!("{name} until {}", time(*until)),
        NodeEvent::Held { until, by, .. } => format!("{name} by {} until {}", by.key, time(*until)),
        NodeEvent::Completed { output, edges, .. } => format!("{name} {}{}", output.text(), passed(edges)),
        NodeEvent::Failed {
            attempt,
            error,
            continues,
        }
        | NodeEvent::TimedOut {
            attempt,
            error,
            continues,
        } => {
            let goes_on = continues.as_ref().map(|edges| format!(", goes on{}", passed(edges)));
            format!(
                "{name} {} {}{}",
                attempt.number,
                failure(error),
                goes_on.unwrap_or_default()
            )
        }
        NodeEvent::Quarantined { attempt, error } => format!("{name} {} {}", attempt.number, failure(error)),
        NodeEvent::Skipped {
            reason: SkipReason::NotTaken,
        } => format!("{name} not_taken"),
        NodeEvent::Skipped {
            reason: SkipReason::UpstreamFailed,
        } => format!("{name} upstream_failed"),
        NodeEvent::Released | NodeEvent::Cancelled => name.to_owned(),
    }
}

fn ending(outcome: &Outcome) -> String {
    let result = match outcome {
        Outcome::Completed { output } => output.text().to_owned(),
        Outcome::Failed { error } | Outcome::Cancelled { error } | Outcome::TimedOut { error } => {
            format!("{} {}", failure(error), error.details.as_ref().map_or("", Json::text))
        }
    };
    format!("run {} {result}", outcome.name())
}

fn failure(error: &Failure) -> String {
    format!("{} ({})", error.code, error.message)
}

fn passed(edges: &EdgeOutcome) -> String {
    let dead = edges.dead.iter().map(|edge| format!(", edge {edge} dead"));
    let broken = edges
        .broken
        .iter()
        .map(|(edge, why)| format!(", edge {edge} broken ({why})"));
    dead.chain(broken).collect()
}

fn time(at: Timestamp) -> String {
    format!("{:.1}", at.duration_since(START).as_secs_f64())
}
