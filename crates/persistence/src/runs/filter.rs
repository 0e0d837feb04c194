//! The runs of a project that match a filter: in pages, and the open ones among them.

use std::collections::BTreeMap;

use deadpool_postgres::GenericClient;
use gathering_domain::{PipelineId, ProjectId, RunId, RunStatus};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{RunHead, read};
use crate::{Error, Page, PageRequest};

/// Which runs of a project are wanted: those that match everything that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those of this pipeline.
    pub pipeline_id: Option<PipelineId>,
    /// Only those with this status.
    pub status: Option<RunStatus>,
    /// Only those with all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Only those that were asked for before this moment.
    pub created_before: Option<Timestamp>,
    /// Only those that were asked for at this moment or later.
    pub created_after: Option<Timestamp>,
}

impl RunFilter {
    /// Whether it lets every run through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn pipeline(&self) -> Option<Uuid> {
        self.pipeline_id.map(PipelineId::as_uuid)
    }

    fn status(&self) -> Option<&'static str> {
        self.status.map(RunStatus::as_str)
    }

    /// As the text of a JSON object; `None` for any.
    fn labels(&self) -> Option<String> {
        (!self.labels.is_empty()).then(|| json!(self.labels).to_string())
    }
}

/// A statement whose `WHERE` goes on with what a [`RunFilter`] says: the project is `$1`, the rest of the filter `$4` to `$8`; `$2` and `$3`
/// are the statement's own. A macro, so that each is one text that is known when it is compiled.
macro_rules! matching {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " AND project_id = $1 AND ($4::uuid IS NULL OR pipeline_id = $4) AND ($5::text IS NULL OR status = $5)
                 AND ($6::text IS NULL OR labels::jsonb @> $6::text::jsonb)
                 AND ($7::timestamptz IS NULL OR created_at < $7) AND ($8::timestamptz IS NULL OR created_at >= $8)",
            $after
        )
    };
}

/// The runs of a project that match, newest first.
pub async fn list(
    client: &impl GenericClient,
    project: ProjectId,
    filter: &RunFilter,
    page: PageRequest,
) -> Result<Page<RunHead>, Error> {
    let statement = client
        .prepare_cached(matching!(
            "SELECT id, project_id, pipeline_id, version, status, priority, owner, epoch, wake_at, labels, error,
                        created_at, started_at, finished_at
                 FROM runs WHERE id < $2",
            " ORDER BY id DESC LIMIT $3"
        ))
        .await?;
    let rows = client
        .query(
            &statement,
            &[
                &project.as_uuid(),
                &page.before(),
                &page.fetch(),
                &filter.pipeline(),
                &filter.status(),
                &filter.labels(),
                &filter.created_before,
                &filter.created_after,
            ],
        )
        .await?;
    Ok(page.page(rows.iter().map(read).collect(), |head: &RunHead| head.id.as_uuid()))
}

/// Up to `limit` runs of a project that match and have not ended: `upto` and older, newest first. Nothing is locked.
pub async fn open(
    client: &impl GenericClient,
    project: ProjectId,
    filter: &RunFilter,
    upto: RunId,
    limit: i64,
) -> Result<Vec<RunId>, Error> {
    let statement = client
        .prepare_cached(
            // In the words of the partial indexes of what is to do, so that a long history need not be walked through.
            matching!(
                "SELECT id FROM runs WHERE (status IN ('queued', 'running') OR status = 'waiting') AND id <= $2",
                " ORDER BY id DESC LIMIT $3"
            ),
        )
        .await?;
    let rows = client
        .query(
            &statement,
            &[
                &project.as_uuid(),
                &upto.as_uuid(),
                &limit,
                &filter.pipeline(),
                &filter.status(),
                &filter.labels(),
                &filter.created_before,
                &filter.created_after,
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

/// How many runs of a project match and have not ended, `upto` and older; more than `most` are not counted.
pub async fn count_open(
    client: &impl GenericClient,
    project: ProjectId,
    filter: &RunFilter,
    upto: RunId,
    most: i64,
) -> Result<i64, Error> {
    let statement = client
        .prepare_cached(matching!(
            "SELECT count(*) FROM (
                     SELECT FROM runs WHERE (status IN ('queued', 'running') OR status = 'waiting') AND id <= $2",
            " LIMIT $3) matching"
        ))
        .await?;
    let row = client
        .query_one(
            &statement,
            &[
                &project.as_uuid(),
                &upto.as_uuid(),
                &most,
                &filter.pipeline(),
                &filter.status(),
                &filter.labels(),
                &filter.created_before,
                &filter.created_after,
            ],
        )
        .await?;
    Ok(row.get(0))
}

/// How many runs are queued, counted up to `most`: a part of the index `runs_active`, and no more of it.
pub async fn count_queued(client: &impl GenericClient, most: u32) -> Result<u64, Error> {
    let statement = client
        .prepare_cached("SELECT count(*) FROM (SELECT FROM runs WHERE status = 'queued' LIMIT $1) queued")
        .await?;
    let count: i64 = client.query_one(&statement, &[&i64::from(most)]).await?.get(0);
    Ok(count.unsigned_abs())
}
