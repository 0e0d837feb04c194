//! Runs as others see them: the head, and the nodes as the fold of the journal.

use std::collections::HashMap;
use std::sync::Arc;

use gathering_domain::node_event::{Failure, HeldBy};
use gathering_domain::node_state::NodeState;
use gathering_domain::pipeline::{HandlerName, Pipeline};
use gathering_domain::progress::Progress;
use gathering_domain::{Json, NodeStatus, PipelineId, ProjectId, RunId, RunStatus};
use gathering_persistence::run_journal::{self, EntryRow};
use gathering_persistence::runs::{self, ClaimedRun, RunFilter, RunOutcome, RunRow};
use gathering_persistence::{GenericClient, Page, PageRequest, Transaction};
use jiff::Timestamp;
use serde::Serialize;

use crate::blocking::spawn_blocking;
use crate::entry::RUN_ENDED;
use crate::input::check_filter;
use crate::library::Version;
use crate::session::recovery::{Losses, replay};
use crate::{Engine, Error};

/// How many undecided nodes the view of a running run decides for itself.
const MAX_PRESUMED: usize = 64;

/// A run, without what may be large.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// The version that it runs.
    pub version: i32,
    /// How far it has come.
    pub status: RunStatus,
    /// Higher is claimed first.
    pub priority: i16,
    /// What it was started with, for whoever searches.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, String>))]
    pub labels: Json,
    /// Why it did not complete.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Failure>))]
    pub error: Option<Json>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When an instance first took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When a waiting run is due; `None` while it waits for somebody to decide about a node in quarantine.
    pub wake_at: Option<Timestamp>,
}

/// A run, without its nodes.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunHead {
    /// All but input and output.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// What it was given.
    pub input: Json,
    /// What it gave: the outputs of its last nodes, by their ids.
    pub output: Option<Json>,
}

/// A run with its nodes.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunView {
    /// The head.
    #[serde(flatten)]
    pub head: RunHead,
    /// The handler that it waits for, as far as this instance can tell: it is queued, and this instance lacks that handler.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub missing_handler: Option<String>,
    /// Its nodes, in the order of the definition.
    pub nodes: Vec<NodeView>,
}

/// A node of a run.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeView {
    /// Its id in the definition.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: Arc<str>,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub name: Option<String>,
    /// `trigger`, `action`, …, or a type that an embedder registered.
    pub r#type: String,
    /// How far it has come.
    pub status: NodeStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// What it gave.
    pub output: Option<Json>,
    /// What it waits for, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub waiting: Option<Waiting>,
    /// Why it failed, or its last attempt did.
    pub error: Option<Failure>,
    /// When its first attempt started.
    pub started_at: Option<Timestamp>,
    /// When it reached its final state.
    pub finished_at: Option<Timestamp>,
}

/// What a node waits for.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Waiting {
    /// Until when, at the latest; where a breaker holds it, as far as is known, because that may stay open.
    pub until: Timestamp,
    /// The circuit breaker that holds it back; `None` for a delay.
    pub breaker: Option<HeldBy>,
}

/// An entry of a run's journal.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JournalEntry {
    /// Its number, from 1, without gaps.
    pub seq: i32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened: `node_completed`, `attempt_failed`, `taken_over`, …
    pub kind: String,
    /// To which node; `None` for the run as a whole.
    pub node: Option<String>,
    /// With which facts.
    pub data: Option<Json>,
}

impl Engine {
    /// What those of these runs came to that have ended. Missing are those that are open, and those that do not exist (any more).
    pub async fn outcomes(&self, ids: &[RunId]) -> Result<Vec<RunOutcome>, Error> {
        let client = self.shared.connection().await?;
        Ok(runs::outcomes(&client, ids).await?)
    }

    /// Which of these runs do not exist, or not any more: they were forgotten after they had ended.
    pub async fn gone(&self, ids: &[RunId]) -> Result<Vec<RunId>, Error> {
        let client = self.shared.connection().await?;
        Ok(runs::gone(&client, ids).await?)
    }

    /// A run with its nodes.
    pub async fn run(&self, id: RunId) -> Result<Option<RunView>, Error> {
        self.read(id, view).await
    }

    /// The same as the caller's transaction sees it.
    pub(crate) async fn run_in(&self, transaction: &Transaction<'_>, id: RunId) -> Result<Option<RunView>, Error> {
        self.read_in(transaction, id, view).await
    }

    /// Reads a run with its journal, and gives what `look` makes of it; `None` when there is no such run.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        id: RunId,
        look: impl FnOnce(Record) -> Result<T, Error> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let client = self.shared.connection().await?;
        let rows = rows(&client, id).await?;
        drop(client);
        self.look_at(rows, look).await
    }

    /// The same as the caller's transaction sees it.
    pub(crate) async fn read_in<T: Send + 'static>(
        &self,
        transaction: &Transaction<'_>,
        id: RunId,
        look: impl FnOnce(Record) -> Result<T, Error> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let rows = rows(transaction, id).await?;
        self.look_at(rows, look).await
    }

    async fn look_at<T: Send + 'static>(
        &self,
        rows: Option<(RunRow, Vec<EntryRow>)>,
        look: impl FnOnce(Record) -> Result<T, Error> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let Some((row, journal)) = rows else {
            return Ok(None);
        };
        let (pipeline_id, version) = (row.head.pipeline_id, row.head.version);
        let kept = self.shared.library.get(&self.shared.pool, pipeline_id, version).await?;
        let Version { pipeline, missing } = kept;
        let record = Record {
            row,
            pipeline,
            missing,
            journal,
        };
        // A fold over a long journal takes longer than others should wait.
        let looking = spawn_blocking(move || look(record).map(Some));
        looking
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// A run without its nodes: one row, whatever the size of its pipeline.
    pub async fn run_head(&self, id: RunId) -> Result<Option<RunHead>, Error> {
        let client = self.shared.connection().await?;
        self.head_on(&client, id).await
    }

    pub(crate) async fn head_on(&self, client: &impl GenericClient, id: RunId) -> Result<Option<RunHead>, Error> {
        runs::get(client, id).await?.map(TryInto::try_into).transpose()
    }

    /// The runs of a project that match, newest first.
    pub async fn runs(
        &self,
        project: ProjectId,
        filter: &RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunSummary>, Error> {
        check_filter(filter)?;
        let client = self.shared.connection().await?;
        let Page { items, next } = runs::list(&client, project, filter, page).await?;
        Ok(Page {
            items: items.into_iter().map(TryInto::try_into).collect::<Result<_, Error>>()?,
            next,
        })
    }

    /// Up to `limit` entries of a run's journal after number `after` (0 for the first).
    pub async fn journal(&self, id: RunId, after: i32, limit: u32) -> Result<Vec<JournalEntry>, Error> {
        let client = self.shared.connection().await?;
        let rows = run_journal::page(&client, id, after, i64::from(limit)).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

/// Everything that is written about a run; the head is not younger than the journal.
pub(crate) struct Record {
    pub(crate) row: RunRow,
    pub(crate) pipeline: Arc<Pipeline>,
    /// The first handler of its pipeline that this instance lacks.
    pub(crate) missing: Option<HandlerName>,
    pub(crate) journal: Vec<EntryRow>,
}

impl Record {
    /// The fold of the journal.
    pub(crate) fn progress(&self) -> Result<Progress, Error> {
        Ok(replay(&self.claimed(), &self.pipeline, &self.journal)?)
    }

    fn claimed(&self) -> ClaimedRun {
        let head = &self.row.head;
        ClaimedRun {
            id: head.id,
            project_id: head.project_id,
            pipeline_id: head.pipeline_id,
            version: head.version,
            epoch: head.epoch,
            input: self.row.input.clone(),
            started_at: head.started_at.unwrap_or(head.created_at),
            priority: head.priority,
            labels: head.labels.clone(),
            created_at: head.created_at,
            trace: None,
        }
    }
}

/// The head first: the journal is not older.
async fn rows(client: &impl GenericClient, id: RunId) -> Result<Option<(RunRow, Vec<EntryRow>)>, Error> {
    let Some(row) = runs::get(client, id).await? else {
        return Ok(None);
    };
    Ok(Some((row, run_journal::of_runs(client, &[id]).await?)))
}

fn view(record: Record) -> Result<RunView, Error> {
    let nodes = nodes(&record)?;
    let queued = record.row.head.status == RunStatus::Queued.as_str();
    Ok(RunView {
        head: record.row.try_into()?,
        missing_handler: record.missing.filter(|_| queued).map(|handler| handler.to_string()),
        nodes,
    })
}

fn nodes(record: &Record) -> Result<Vec<NodeView>, Error> {
    let Record {
        row, pipeline, journal, ..
    } = record;
    let head = &row.head;
    let begun = head.started_at.unwrap_or(head.created_at);
    let mut progress = record.progress()?;
    let at_breakers = at_breakers(&progress);
    // What the owner has, or had, under way is not in the journal; it follows from it. The last entry is when it began.
    // Only so far as it costs little; what is behind it is shown as pending. Of a run that lost a process it is in the journal, and what
    // is not waits for room or for a trial.
    if was_running(head, journal) && !Losses::read(journal).is_watched() {
        let last = journal.iter().rev().find(|entry| entry.kind != RUN_ENDED);
        progress.next_few(last.map_or(begun, |entry| entry.at), MAX_PRESUMED);
    }
    if let Some(at) = head.finished_at {
        progress.cancel_open(at);
    }
    Ok(pipeline
        .nodes
        .iter()
        .zip(progress.nodes())
        .enumerate()
        .map(|(index, (node, state))| {
            let state = at_breakers
                .get(&index)
                .filter(|_| !state.is_terminal())
                .unwrap_or(state);
            let output = progress
                .scope()
                .outputs
                .get(index)
                .filter(|_| matches!(state, NodeState::Completed(_)));
            NodeView {
                id: node.id.clone(),
                name: node.name.clone(),
                r#type: node.kind.name().to_owned(),
                status: state.status(),
                attempts: state.attempts(),
                output: output.cloned(),
                waiting: waiting(state, head.wake_at),
                error: state.error().cloned(),
                started_at: state.started_at(),
                finished_at: state.finished_at(),
            }
        })
        .collect())
}

/// Whether somebody works on the run, or did so when it ended.
fn was_running(head: &runs::RunHead, journal: &[EntryRow]) -> bool {
    #[derive(serde::Deserialize)]
    struct End {
        was: Option<RunStatus>,
    }
    if head.finished_at.is_none() {
        return head.status == RunStatus::Running.as_str();
    }
    let end = journal.last().filter(|entry| entry.kind == RUN_ENDED);
    let end = end.and_then(|entry| entry.data.as_ref()?.parse::<End>().ok());
    end.is_some_and(|end| end.was == Some(RunStatus::Running))
}

/// The nodes that a breaker held when it was last told of. Held again without a word in the journal, or asking at this moment: nobody
/// else knows which.
fn at_breakers(progress: &Progress) -> HashMap<usize, NodeState> {
    let nodes = progress.nodes().iter().enumerate();
    let held = nodes.filter(|(_, state)| matches!(state, NodeState::Held { .. }));
    held.map(|(node, state)| (node, state.clone())).collect()
}

fn waiting(state: &NodeState, run_wakes_at: Option<Timestamp>) -> Option<Waiting> {
    let (until, by) = match state {
        NodeState::Waiting { wake_at, .. } => (*wake_at, None),
        // The journal says only what it was told first.
        NodeState::Held { wake_at, by, .. } => (run_wakes_at.unwrap_or(*wake_at).max(*wake_at), Some(by.clone())),
        NodeState::Pending
        | NodeState::Running { .. }
        | NodeState::Retrying { .. }
        | NodeState::Quarantined { .. }
        | NodeState::Completed(_)
        | NodeState::Failed(..)
        | NodeState::TimedOut(..)
        | NodeState::Skipped { .. }
        | NodeState::Cancelled { .. } => return None,
    };
    Some(Waiting { until, breaker: by })
}

impl TryFrom<runs::RunHead> for RunSummary {
    type Error = Error;

    fn try_from(row: runs::RunHead) -> Result<Self, Error> {
        let status = row
            .status
            .parse()
            .map_err(|_unknown| gathering_persistence::Error::Corrupt {
                table: "runs",
                reason: format!(
                    "the status {} of run {} is not known to this release",
                    row.status, row.id
                ),
            })?;
        Ok(Self {
            id: row.id,
            project_id: row.project_id,
            pipeline_id: row.pipeline_id,
            version: row.version,
            status,
            priority: row.priority,
            labels: row.labels.unwrap_or_else(|| serde_json::json!({}).into()),
            error: row.error,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            wake_at: row.wake_at,
        })
    }
}

impl TryFrom<RunRow> for RunHead {
    type Error = Error;

    fn try_from(row: RunRow) -> Result<Self, Error> {
        Ok(Self {
            summary: row.head.try_into()?,
            input: row.input,
            output: row.output,
        })
    }
}

impl From<EntryRow> for JournalEntry {
    fn from(row: EntryRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at,
            kind: row.kind,
            node: row.node,
            data: row.data,
        }
    }
}
