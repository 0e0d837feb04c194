//! What a firing of a schedule means here: it starts a run, and ends as that ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use gathering_domain::firing::{FiringFacts, FiringTemplate};
use gathering_domain::{FiringId, Json, PipelineId, RunId, RunStatus, ScheduleId};
use gathering_persistence::Transaction;
use gathering_pipeline::{Engine, RunOutcome, StartRun};
use gathering_scheduler::{Ended, FireError, Fired, Fires, Firing, OnFire, Outcome};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::{Map, Value, json};

use super::action::{Action, Execute};
use super::payload::{Payload, RUN_ID};

/// The label of a run that says which schedule started it.
pub(super) const SCHEDULE_LABEL: &str = "schedule_id";
/// The code of a firing whose pipeline is not there, and of what says so beforehand.
pub(super) const PIPELINE_NOT_FOUND: &str = "pipeline_not_found";
/// About how many actions are kept ready.
const READY: usize = 20_000;
/// How many bytes of their JSON at most.
const READY_BYTES: u64 = 64 << 20;
/// Why the run of an earlier firing is cancelled.
const REPLACED: &str = "a later firing of its schedule takes its place";

/// Actions by schedule and revision: a revision never changes.
type ReadyActions = Cache<(ScheduleId, i32), Arc<Ready>, ByBytes>;

/// Starts runs for firings, in the transaction that writes them.
#[derive(Clone)]
pub(crate) struct FireRuns {
    engine: Engine,
    ready: Arc<ReadyActions>,
}

/// An action, ready to fire.
#[derive(Debug)]
struct Ready {
    pipeline_id: PipelineId,
    version: Option<i32>,
    priority: i16,
    labels: BTreeMap<String, String>,
    input: Input,
    bytes: u64,
}

#[derive(Debug)]
enum Input {
    /// What the template makes of the firing.
    Template(FiringTemplate),
    /// The firing.
    Firing,
}

/// Weighs an action by its JSON.
#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<(ScheduleId, i32), Arc<Ready>> for ByBytes {
    fn weight(&self, _: &(ScheduleId, i32), ready: &Arc<Ready>) -> u64 {
        ready.bytes
    }
}

impl FireRuns {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            ready: Arc::new(Cache::with_weighter(READY, READY_BYTES, ByBytes)),
        }
    }

    /// Has the action of a schedule that was just saved ready for when it is due. One that cannot be read says so when it fires.
    pub(super) fn prepare(&self, schedule: ScheduleId, revision: i32, payload: &Json) {
        if let Ok(ready) = Ready::read(payload) {
            self.ready.insert((schedule, revision), Arc::new(ready));
        }
    }

    /// The run that a firing asks for.
    fn start(&self, firing: &Firing) -> Result<StartRun, Fired> {
        let ready = self.ready(firing)?;
        let facts = FiringFacts {
            id: firing.id,
            schedule_id: firing.schedule_id,
            schedule: &firing.schedule,
            due_at: firing.due_at,
            origin: firing.origin.as_str(),
        };
        let input = match &ready.input {
            Input::Firing => Json::from_value(&json!({"firing": facts})),
            Input::Template(template) => template
                .render(&facts)
                .map_err(|error| failed("template_failed", format!("the input of the action: {error}")))?,
        };
        let mut labels = ready.labels.clone();
        labels.insert(SCHEDULE_LABEL.to_owned(), firing.schedule_id.to_string());
        Ok(StartRun {
            id: Some(RunId::from(firing.id.as_uuid())),
            pipeline_id: ready.pipeline_id,
            version: ready.version,
            input,
            labels,
            priority: ready.priority,
            idempotency_key: None,
            trace: None,
        })
    }

    fn ready(&self, firing: &Firing) -> Result<Arc<Ready>, Fired> {
        let key = (firing.schedule_id, firing.revision);
        if let Some(ready) = self.ready.get(&key) {
            return Ok(ready);
        }
        let ready = Ready::read(&firing.payload).map_err(|reason| failed("action_unreadable", reason))?;
        let ready = Arc::new(ready);
        self.ready.insert(key, Arc::clone(&ready));
        Ok(ready)
    }
}

impl OnFire for FireRuns {
    fn fire<'a>(&'a self, tx: &'a Transaction<'_>, firings: &'a [Firing]) -> BoxFuture<'a, Result<Fires, FireError>> {
        Box::pin(async move {
            let asked: Vec<Result<StartRun, Fired>> = firings.iter().map(|firing| self.start(firing)).collect();
            let starts: Vec<StartRun> = asked.iter().filter_map(|asked| asked.as_ref().ok().cloned()).collect();
            let batch = self.engine.start_batch_in(tx, starts).await?;
            let mut started = batch.started().iter();
            let became = |asked: Result<StartRun, Fired>| match asked {
                // As many were started as were asked for.
                Ok(_) => started.next().map_or(Fired::Started, became),
                Err(failed) => failed,
            };
            let fired = asked.into_iter().map(became).collect();
            let committed = move || {
                let _started = batch.committed();
            };
            Ok(Fires {
                fired,
                committed: Some(Box::new(committed)),
            })
        })
    }

    fn ended<'a>(&'a self, open: &'a [FiringId]) -> BoxFuture<'a, Result<Vec<Ended>, FireError>> {
        Box::pin(async move {
            let mut runs: Vec<RunId> = open.iter().map(|id| RunId::from(id.as_uuid())).collect();
            let outcomes = self.engine.outcomes(&runs).await?;
            runs.retain(|run| !outcomes.iter().any(|outcome| outcome.id == *run));
            let gone = if runs.is_empty() {
                Vec::new()
            } else {
                self.engine.gone(&runs).await?
            };
            let ended = outcomes.into_iter().map(ended);
            Ok(ended.chain(gone.into_iter().map(is_gone)).collect())
        })
    }

    fn cancel<'a>(&'a self, tx: &'a Transaction<'_>, open: &'a [FiringId]) -> BoxFuture<'a, Result<(), FireError>> {
        Box::pin(async move {
            let runs: Vec<RunId> = open.iter().map(|id| RunId::from(id.as_uuid())).collect();
            self.engine.cancel_runs_by_id_in(tx, &runs, REPLACED).await?;
            Ok(())
        })
    }
}

impl Ready {
    /// Reads what was saved.
    fn read(payload: &Json) -> Result<Self, String> {
        let bytes = payload.text().len() as u64;
        let kept = Payload::read(payload).map_err(|error| error.to_string())?;
        if let Some(own) = kept.pipeline {
            return Ok(Self {
                pipeline_id: own.id,
                version: Some(own.version),
                priority: 0,
                labels: BTreeMap::new(),
                input: Input::Firing,
                bytes,
            });
        }
        let mut problems = Vec::new();
        let Some(Action::Execute(execute)) = Action::read(&kept.action.to_value(), &mut problems) else {
            let first = problems
                .first()
                .map(|problem| format!("{}: {}", problem.pointer, problem.message));
            return Err(first.unwrap_or_else(|| "the pipeline of the action was not saved".to_owned()));
        };
        let Execute {
            pipeline_id,
            version,
            input,
            labels,
            priority,
        } = execute;
        let template = FiringTemplate::parse(&input);
        let template =
            template.map_err(|wrong| wrong.into_iter().next().map_or_else(String::new, |first| first.message))?;
        Ok(Self {
            pipeline_id,
            version,
            priority,
            labels,
            input: Input::Template(template),
            bytes,
        })
    }
}

/// What became of a firing whose run was to be started.
fn became(started: &Result<gathering_pipeline::Started, gathering_pipeline::Error>) -> Fired {
    use gathering_pipeline::Error as Pipeline;
    let Err(error) = started else {
        return Fired::Started;
    };
    let code = match error {
        Pipeline::PipelineNotFound(_) => PIPELINE_NOT_FOUND,
        Pipeline::VersionNotFound { .. } => "version_not_found",
        Pipeline::InputTooLarge { .. } => "input_too_large",
        Pipeline::InputTooDeep { .. } => "input_too_deep",
        Pipeline::InvalidInput { .. } => "invalid_input",
        Pipeline::Invalid { .. }
        | Pipeline::InvalidNodeKind { .. }
        | Pipeline::VersionConflict { .. }
        | Pipeline::KeyReused { .. }
        | Pipeline::PipelineKeyReused { .. }
        | Pipeline::Overloaded { .. }
        | Pipeline::Stopping
        | Pipeline::PoolTooSmall { .. }
        | Pipeline::Limits { .. }
        | Pipeline::AlreadyStarted
        | Pipeline::Unreadable { .. }
        | Pipeline::Database(_) => "start_failed",
    };
    failed(code, error.to_string())
}

fn failed(code: &str, message: String) -> Fired {
    Fired::Failed {
        code: code.to_owned(),
        message,
    }
}

fn ended(outcome: RunOutcome) -> Ended {
    let error = outcome.error.map(|error| of_run(outcome.id, &error));
    let (outcome_of, error) = match outcome.status {
        RunStatus::Completed => (Outcome::Succeeded, None),
        RunStatus::Cancelled => (Outcome::Cancelled, error),
        // Only what has ended has an outcome.
        RunStatus::Failed | RunStatus::TimedOut | RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => {
            (Outcome::Failed, error)
        }
    };
    Ended {
        id: FiringId::from(outcome.id.as_uuid()),
        outcome: outcome_of,
        at: outcome.finished_at,
        error,
    }
}

/// It can never be told how it ended; it must not be waited for any more.
fn is_gone(run: RunId) -> Ended {
    let message = "the run ended, and was forgotten before anybody could see how; keep runs for longer (retention)";
    let error = Json::from_value(&json!({"code": "run_is_gone", "message": message}));
    Ended {
        id: FiringId::from(run.as_uuid()),
        outcome: Outcome::Failed,
        // It is seen now, and nothing ends later.
        at: jiff::Timestamp::MAX,
        error: Some(of_run(run, &error)),
    }
}

/// The error of a run as that of its firing: it says that there was a run.
fn of_run(run: RunId, error: &Json) -> Json {
    let mut object: Map<String, Value> = error.parse().unwrap_or_default();
    object.insert(RUN_ID.to_owned(), run.to_string().into());
    Json::from_value(&object.into())
}
