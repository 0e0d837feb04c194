//! Use cases of runs: start, read, list, and what happened in one.

use std::collections::BTreeMap;

use gathering_auth::Identity;
use gathering_domain::policy::ProjectAction;
use gathering_domain::{Json, PipelineId, ProjectId, RunId, RunStatus, TraceContext};
use gathering_persistence::{Page, PageRequest};
use gathering_pipeline::{
    CancelPart, CancelProgress, CancelReport, JournalEntry, RunFilter, RunSummary, RunView, StartRun,
};

use crate::access::Thing;
use crate::{Error, FieldProblem, Gathering};

/// Why runs are cancelled when nobody says.
const USUAL_REASON: &str = "cancelled on request";

/// A run to start.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// What the trigger gives to the nodes.
    pub input: Json,
    /// For whoever searches: at most 32, short.
    pub labels: BTreeMap<String, String>,
    /// Higher is taken first; usually 0.
    pub priority: i16,
    /// The same key starts the same run once, however often it is sent.
    pub idempotency_key: Option<String>,
    /// The trace that it belongs to, with the span that starts it.
    pub trace: Option<TraceContext>,
}

/// A run that was started, now or by an earlier request with the same key.
#[derive(Debug, Clone)]
pub struct StartedRun {
    /// The run.
    pub id: RunId,
    /// Its status, as it is now.
    pub status: RunStatus,
    /// Whether an earlier request with the same key had started it.
    pub replayed: bool,
}

impl NewRun {
    /// A run with this input, no labels, the usual priority and no key.
    pub fn new(input: Json) -> Self {
        Self {
            input,
            labels: BTreeMap::new(),
            priority: 0,
            idempotency_key: None,
            trace: None,
        }
    }
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// Of this project; `None` for the caller's own.
    pub project_id: Option<ProjectId>,
    /// Which of them.
    pub filter: RunFilter,
}

/// Which runs to cancel.
#[derive(Debug, Clone)]
pub struct CancelRuns {
    /// Of this project; `None` for the caller's own.
    pub project_id: Option<ProjectId>,
    /// Which of its open runs.
    pub filter: RunFilter,
    /// That all of its open runs are meant, and nothing was forgotten: there is no filter then.
    pub all: bool,
    /// Why.
    pub reason: Option<String>,
    /// How many at once, and where to go on.
    pub part: CancelPart,
}

impl Gathering {
    /// Starts a run of the latest version of a pipeline.
    pub async fn start_run(
        &self,
        identity: &Identity,
        pipeline_id: PipelineId,
        new: NewRun,
    ) -> Result<StartedRun, Error> {
        let proof = self
            .may(identity, ProjectAction::StartRun, Thing::Pipeline(pipeline_id))
            .await?;
        let engine = self.engine.with(&proof);
        let start = StartRun {
            id: None,
            pipeline_id,
            version: None,
            input: new.input,
            labels: new.labels,
            priority: new.priority,
            idempotency_key: new.idempotency_key,
            trace: new.trace,
        };
        let started = engine.start_run(start).await?;
        let mut status = started.status;
        // The run of an earlier request may have gone on since.
        if started.replayed
            && let Some(run) = engine.run_head(started.id).await?
        {
            status = run.summary.status;
        }
        Ok(StartedRun {
            id: started.id,
            status,
            replayed: started.replayed,
        })
    }

    /// A run with its nodes, as they stand.
    pub async fn run(&self, identity: &Identity, id: RunId) -> Result<RunView, Error> {
        let proof = self.may(identity, ProjectAction::ViewRuns, Thing::Run(id)).await?;
        let found = self.engine.with(&proof).run(id).await?;
        found.ok_or_else(|| Thing::Run(id).not_found())
    }

    /// Cancels a run; doing so again changes nothing. A run that ended otherwise is refused.
    pub async fn cancel_run(
        &self,
        identity: &Identity,
        id: RunId,
        reason: Option<&str>,
    ) -> Result<CancelReport, Error> {
        let proof = self.may(identity, ProjectAction::CancelRuns, Thing::Run(id)).await?;
        let reason = reason.unwrap_or(USUAL_REASON);
        let report = self.engine.with(&proof).cancel_run(id, reason).await?;
        let report = report.ok_or_else(|| Thing::Run(id).not_found())?;
        if report.status == RunStatus::Cancelled {
            Ok(report)
        } else {
            Err(Error::RunAlreadyEnded {
                id,
                status: report.status,
            })
        }
    }

    /// Cancels open runs of a project that match, one part of them; to be repeated from where it says, until that is nowhere.
    pub async fn cancel_runs(&self, identity: &Identity, asked: CancelRuns) -> Result<CancelProgress, Error> {
        let proof = self
            .may_in(identity, ProjectAction::CancelRuns, asked.project_id)
            .await?;
        check_meant(&asked)?;
        let reason = asked.reason.as_deref().unwrap_or(USUAL_REASON);
        Ok(self
            .engine
            .with(&proof)
            .cancel_runs(proof.project(), &asked.filter, reason, asked.part)
            .await?)
    }

    /// The runs of a project that match, newest first.
    pub async fn runs(
        &self,
        identity: &Identity,
        query: RunQuery,
        page: PageRequest,
    ) -> Result<Page<RunSummary>, Error> {
        let RunQuery { project_id, filter } = query;
        let proof = self.may_in(identity, ProjectAction::ViewRuns, project_id).await?;
        Ok(self.engine.with(&proof).runs(proof.project(), &filter, page).await?)
    }

    /// What happened in a run, oldest first: at most `limit` entries after the one with the number `after` (0 for the first).
    pub async fn journal(
        &self,
        identity: &Identity,
        id: RunId,
        after: i32,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, Error> {
        let proof = self.may(identity, ProjectAction::ViewRuns, Thing::Run(id)).await?;
        Ok(self.engine.with(&proof).journal(id, after, limit).await?)
    }
}

/// A filter that was forgotten must not cancel everything.
fn check_meant(asked: &CancelRuns) -> Result<(), Error> {
    let message = match (asked.filter.is_empty(), asked.all) {
        (true, false) => {
            "name at least one of pipeline_id, status, labels, created_before and created_after, or send true for all runs"
        }
        (false, true) => "means all runs of the project; leave it out, or the filters",
        (true, true) | (false, false) => return Ok(()),
    };
    Err(Error::InvalidRequest {
        problems: vec![FieldProblem {
            pointer: "/all".to_owned(),
            code: "invalid_value",
            message: message.to_owned(),
        }],
    })
}
