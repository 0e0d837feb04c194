//! How a run leaves the memory: it ends, or is put down until its next timer, or until somebody decides.

use gathering_domain::Json;
use gathering_domain::node_event::Failure;
use gathering_domain::pipeline::HandlerName;
use gathering_domain::run_state::{Outcome, RunEvent, RunState};
use gathering_persistence::run_journal::HeadChange;
use gathering_persistence::runs::{RunHead, RunRow};
use jiff::{SignedDuration, Timestamp};

use super::{Driver, Leave};
use crate::entry::RUN_ENDED;
use crate::session::committer::{Refused, Rejection};

impl Driver {
    /// Fails the run: the database will not take what its nodes come to, however often they are tried.
    pub(crate) async fn give_up(mut self: Box<Self>, rejection: &Rejection) -> Leave {
        self.pending.clear();
        let Rejection { nodes, reason, .. } = rejection;
        let whose = match nodes.as_slice() {
            [] => "the run".to_owned(),
            [node] => format!("node {node}"),
            several => format!("one of the nodes {}", several.join(", ")),
        };
        let message = format!("the database refused what {whose} came to: {reason}; the log of the instance says more");
        let mut error = Failure::new("journal_rejected", message);
        error.details = Some(Json::from_value(&serde_json::json!({ "nodes": nodes })));
        let outcome = Outcome::Failed { error };
        self.end(outcome).await.unwrap_or_else(Leave::Refused)
    }

    /// Ends a run whose time is over and that waited for a handler that this instance does not have.
    pub(crate) async fn time_out(mut self: Box<Self>, handler: &HandlerName) -> Leave {
        let timeout = self.pipeline.timeout.unwrap_or_default();
        let message = format!(
            "the run waited longer than its timeout of {timeout:?} for an instance with a handler for its {handler}"
        );
        let outcome = Outcome::TimedOut {
            error: Failure::new("run_timeout", message),
        };
        self.end(outcome).await.unwrap_or_else(Leave::Refused)
    }

    /// Ends the run: the entry and the head in one append.
    pub(super) async fn end(&mut self, outcome: Outcome) -> Result<Leave, Refused> {
        self.cancelled.cancel();
        let now = self.now();
        self.push(
            now,
            RUN_ENDED,
            None,
            Some(format!(r#"{{"status":"{}","was":"running"}}"#, outcome.name())),
        );
        let head = HeadChange {
            run_id: self.run.id,
            epoch: self.run.epoch,
            status: outcome.name(),
            wait_ms: None,
            held_by: None,
            error: outcome.error().and_then(|error| serde_json::to_string(error).ok()),
            output: if let Outcome::Completed { output } = &outcome {
                Some(output.clone())
            } else {
                None
            },
            finished_at: Some(now.max(self.run.started_at)),
        };
        self.change(&RunEvent::Ended(outcome), now);
        let awaited = self.session.shared.waiters.of(self.run.id);
        let ended = awaited.and_then(|awaited| Some((awaited, self.ended(&head)?)));
        self.append(Some(head)).await?;
        if let Some((awaited, run)) = ended {
            awaited.end(run);
        }
        if let RunState::Ended { outcome, .. } = &self.state {
            self.session.shared.counters.ended(outcome);
        }
        self.log_end();
        Ok(Leave::Done)
    }

    /// The run as its row will say once this end of it is durable.
    fn ended(&self, head: &HeadChange) -> Option<crate::RunHead> {
        let run = &self.run;
        let row = RunRow {
            head: RunHead {
                id: run.id,
                project_id: run.project_id,
                pipeline_id: run.pipeline_id,
                version: run.version,
                status: head.status.to_owned(),
                priority: run.priority,
                owner: None,
                epoch: run.epoch,
                wake_at: None,
                labels: run.labels.clone(),
                error: head.error.clone().map(Json::from_text).transpose().ok()?,
                created_at: run.created_at,
                started_at: Some(run.started_at),
                finished_at: head.finished_at,
            },
            input: run.input.clone(),
            output: head.output.clone(),
        };
        row.try_into().ok()
    }

    /// Runs that end well are many, and their rows say so; what an operator may be asked about is in the log by itself.
    fn log_end(&self) {
        let RunState::Ended { outcome, .. } = &self.state else {
            return;
        };
        let (status, pipeline_id) = (outcome.name(), self.run.pipeline_id);
        match outcome.error() {
            None => tracing::debug!(status, %pipeline_id, "the run ended"),
            Some(error) => tracing::info!(status, %pipeline_id, code = error.code, "the run ended"),
        }
    }

    /// Puts the run down until its next timer, if it has one: it then costs nothing but its row.
    pub(super) async fn release(&mut self) -> Result<Leave, Refused> {
        let now = self.now();
        let wake_at = self.wake_at();
        let wait = wake_at.map(|wake_at| wake_at.duration_since(now).max(SignedDuration::ZERO));
        let head = HeadChange {
            run_id: self.run.id,
            epoch: self.run.epoch,
            status: "waiting",
            wait_ms: wait.map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
            held_by: self.progress.held_by().next().map(|by| by.id),
            output: None,
            error: None,
            finished_at: None,
        };
        self.change(&RunEvent::Released { wake_at }, now);
        self.append(Some(head)).await?;
        Ok(Leave::Done)
    }

    fn change(&mut self, event: &RunEvent, at: Timestamp) {
        let after = self.state.after(event, at);
        debug_assert!(after.is_ok(), "{after:?}");
        self.state = after.unwrap_or_else(|_| self.state.clone());
    }

    /// Whether there is nothing to do for long enough to put the run down. Without a timer only a node in quarantine keeps it open.
    pub(super) fn may_rest(&self) -> bool {
        // Where the clock is behind, the time that passed while the run was put down would be lost: it would come back to the same moment.
        let until = self.now().checked_add(self.session.shared.limits.release_after);
        let until = until.and_then(|until| until.checked_add(self.clock.behind()));
        match self.wake_at() {
            Some(wake_at) => until.is_ok_and(|until| wake_at > until),
            None => self.progress.has_quarantined(),
        }
    }

    /// The next timer of a node, or the deadline of the run.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        [self.progress.wake_at(), self.deadline].into_iter().flatten().min()
    }

    pub(super) fn timed_out(&self) -> Outcome {
        let timeout = self.pipeline.timeout.unwrap_or_default();
        Outcome::TimedOut {
            error: Failure::new(
                "run_timeout",
                format!("the run took longer than its timeout of {timeout:?}"),
            ),
        }
    }

    pub(super) fn too_large(&self) -> Outcome {
        let limit = self.session.shared.limits.max_run_bytes;
        let message = format!(
            "the journal of the run would have {} bytes, at most {limit} are kept",
            self.bytes
        );
        Outcome::Failed {
            error: Failure::new("run_too_large", message),
        }
    }
}
