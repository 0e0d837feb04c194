//! The tables `pipelines` and `pipeline_versions`.

use deadpool_postgres::GenericClient;
use gathering_domain::{Json, PipelineId, ProjectId, ScheduleId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::{Error, Page, PageRequest};

/// A version of a pipeline.
#[derive(Debug, Clone)]
pub struct PipelineRow {
    /// The pipeline; the version is this one.
    pub head: PipelineHead,
    /// The definition, as it was saved.
    pub definition: Json,
}

/// A pipeline without its definition.
#[derive(Debug, Clone)]
pub struct PipelineHead {
    /// The pipeline.
    pub id: PipelineId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// The schedule that it was saved for, if it was.
    pub schedule_id: Option<ScheduleId>,
    /// Its name.
    pub name: String,
    /// Its latest version, or the one that was asked for.
    pub version: i32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its latest version was saved.
    pub updated_at: Timestamp,
}

/// Where a pipeline lives, and whose it is. That never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// The project.
    pub project_id: ProjectId,
    /// The schedule that it was saved for, if it was.
    pub schedule_id: Option<ScheduleId>,
}

/// A version to save.
#[derive(Debug, Clone)]
pub struct NewVersion<'a> {
    /// The pipeline.
    pub id: PipelineId,
    /// Its name.
    pub name: &'a str,
    /// Checked by the caller.
    pub definition: &'a Json,
    /// Who saves it.
    pub created_by: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

/// Inserts a pipeline with its version 1, in one statement.
pub async fn insert(client: &impl GenericClient, home: Home, new: &NewVersion<'_>) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "WITH pipeline AS (
                 INSERT INTO pipelines (id, project_id, name, version, created_at, updated_at, schedule_id)
                 VALUES ($1, $2, $3, 1, $4, $4, $7) RETURNING id)
             INSERT INTO pipeline_versions (pipeline_id, version, definition, created_by, created_at)
             SELECT id, 1, $5, $6, $4 FROM pipeline",
        )
        .await?;
    let by = new.created_by.map(UserId::as_uuid);
    client
        .execute(
            &statement,
            &[
                &new.id.as_uuid(),
                &home.project_id.as_uuid(),
                &new.name,
                &new.at,
                &Sql(new.definition),
                &by,
                &home.schedule_id.map(ScheduleId::as_uuid),
            ],
        )
        .await?;
    Ok(())
}

/// Adds the next version, if the latest one is `expected` (or whatever it is, without an expectation); gives its number.
///
/// `None` when there is no such pipeline or its latest version is another one.
pub async fn insert_version(
    client: &impl GenericClient,
    new: &NewVersion<'_>,
    expected: Option<i32>,
) -> Result<Option<i32>, Error> {
    let statement = client
        .prepare_cached(
            // The update locks the pipeline's row: of two writers that expect the same version, the second finds another one.
            "WITH pipeline AS (
                 UPDATE pipelines SET version = version + 1, name = $2, updated_at = $3
                 WHERE id = $1 AND deleted_at IS NULL AND ($4::integer IS NULL OR version = $4) RETURNING id, version)
             INSERT INTO pipeline_versions (pipeline_id, version, definition, created_by, created_at)
             SELECT id, version, $5, $6, $3 FROM pipeline RETURNING version",
        )
        .await?;
    let by = new.created_by.map(UserId::as_uuid);
    let row = client
        .query_opt(
            &statement,
            &[
                &new.id.as_uuid(),
                &new.name,
                &new.at,
                &expected,
                &Sql(new.definition),
                &by,
            ],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Marks a pipeline as deleted: it can no longer be started; runs and versions stay. `false` when there is none, or when its latest version is
/// not the one that is expected.
pub async fn delete(
    client: &impl GenericClient,
    id: PipelineId,
    expected: Option<i32>,
    at: Timestamp,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            // The update locks the pipeline's row: whoever saved another version first is seen, and who comes second finds nothing.
            "UPDATE pipelines SET deleted_at = $2
             WHERE id = $1 AND deleted_at IS NULL AND ($3::integer IS NULL OR version = $3)",
        )
        .await?;
    Ok(client.execute(&statement, &[&id.as_uuid(), &at, &expected]).await? == 1)
}

/// Marks these pipelines as deleted, as far as they are not.
pub async fn delete_all(client: &impl GenericClient, ids: &[PipelineId], at: Timestamp) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE pipelines SET deleted_at = $2 WHERE id = ANY ($1) AND deleted_at IS NULL")
        .await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    client.execute(&statement, &[&ids, &at]).await?;
    Ok(())
}

/// A pipeline that is not deleted, in the given version or the latest.
pub async fn get(
    client: &impl GenericClient,
    id: PipelineId,
    version: Option<i32>,
) -> Result<Option<PipelineRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT p.id, p.project_id, p.name, v.version, p.created_at, p.updated_at, p.schedule_id, v.definition
             FROM pipelines p JOIN pipeline_versions v ON v.pipeline_id = p.id
             WHERE p.id = $1 AND p.deleted_at IS NULL AND v.version = coalesce($2::integer, p.version)",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid(), &version]).await?;
    Ok(row.map(|row| PipelineRow {
        head: read(&row),
        definition: row.get::<_, Sql<Json>>(7).0,
    }))
}

/// Where a pipeline lives that is not deleted.
pub async fn home(client: &impl GenericClient, id: PipelineId) -> Result<Option<Home>, Error> {
    let statement = client
        .prepare_cached("SELECT project_id, schedule_id FROM pipelines WHERE id = $1 AND deleted_at IS NULL")
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.map(|row| Home {
        project_id: row.get::<_, Uuid>(0).into(),
        schedule_id: row.get::<_, Option<Uuid>>(1).map(Into::into),
    }))
}

/// The pipelines of a project, newest first, without those that were saved for a schedule; of those that are called so, if that is said.
pub async fn list(
    client: &impl GenericClient,
    project: ProjectId,
    name: Option<&str>,
    page: PageRequest,
) -> Result<Page<PipelineHead>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, project_id, name, version, created_at, updated_at, schedule_id FROM pipelines
             WHERE project_id = $1 AND id < $2 AND deleted_at IS NULL AND schedule_id IS NULL AND ($4::text IS NULL OR name = $4)
             ORDER BY id DESC LIMIT $3",
        )
        .await?;
    let rows = client
        .query(&statement, &[&project.as_uuid(), &page.before(), &page.fetch(), &name])
        .await?;
    Ok(page.page(rows.iter().map(read).collect(), |head: &PipelineHead| head.id.as_uuid()))
}

/// The definition of a version, also of a deleted pipeline: runs that began go on.
pub async fn definition(client: &impl GenericClient, id: PipelineId, version: i32) -> Result<Option<Json>, Error> {
    let statement = client
        .prepare_cached("SELECT definition FROM pipeline_versions WHERE pipeline_id = $1 AND version = $2")
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid(), &version]).await?;
    Ok(row.map(|row| row.get::<_, Sql<Json>>(0).0))
}

fn read(row: &Row) -> PipelineHead {
    PipelineHead {
        id: row.get::<_, Uuid>(0).into(),
        project_id: row.get::<_, Uuid>(1).into(),
        name: row.get(2),
        version: row.get(3),
        created_at: row.get(4),
        updated_at: row.get(5),
        schedule_id: row.get::<_, Option<Uuid>>(6).map(Into::into),
    }
}
