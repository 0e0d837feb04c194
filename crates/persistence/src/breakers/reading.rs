//! Reading breakers, with and without their locks.

use deadpool_postgres::GenericClient;
use gathering_domain::breaker::BreakerStatus;
use gathering_domain::{BreakerId, InstanceId, ProjectId};
use uuid::Uuid;

use super::{BreakerKey, BreakerRow, read, split};
use crate::{Error, Page, PageRequest};

/// Those of these keys that there are.
pub async fn find(client: &impl GenericClient, keys: &[BreakerKey]) -> Result<Vec<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM unnest($1::uuid[], $2::text[]) AS k (project_id, key) JOIN breakers b USING (project_id, key)"
        ))
        .await?;
    let (projects, keys) = split(keys.iter());
    let rows = client.query(&statement, &[&projects, &keys]).await?;
    rows.iter().map(read).collect()
}

/// The same, locked until the transaction ends.
pub async fn lock(client: &impl GenericClient, keys: &[BreakerKey]) -> Result<Vec<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            // Whoever changes a breaker holds its row meanwhile, so that failures of two instances add up and of two that ask for the
            // probe one gets it. In the order of the ids, so that nobody waits in a circle.
            "SELECT ",
            columns!(),
            " FROM unnest($1::uuid[], $2::text[]) AS k (project_id, key) JOIN breakers b USING (project_id, key)
             ORDER BY b.id FOR UPDATE OF b"
        ))
        .await?;
    let (projects, keys) = split(keys.iter());
    let rows = client.query(&statement, &[&projects, &keys]).await?;
    rows.iter().map(read).collect()
}

/// Up to `limit` breakers that one of these instances probes, locked until the transaction ends.
pub async fn lock_probes(client: &impl GenericClient, by: &[InstanceId], limit: i64) -> Result<Vec<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            // For the same reason, and in the same order.
            "SELECT ",
            columns!(),
            " FROM breakers b WHERE b.probe_by = ANY ($1) ORDER BY b.id LIMIT $2 FOR UPDATE"
        ))
        .await?;
    let by: Vec<Uuid> = by.iter().map(|id| id.as_uuid()).collect();
    let rows = client.query(&statement, &[&by, &limit]).await?;
    rows.iter().map(read).collect()
}

/// One breaker, locked until the transaction ends.
pub async fn lock_one(client: &impl GenericClient, id: BreakerId) -> Result<Option<BreakerRow>, Error> {
    let statement = client
        // For the same reason.
        .prepare_cached(concat!("SELECT ", columns!(), " FROM breakers b WHERE b.id = $1 FOR UPDATE"))
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

/// One breaker.
pub async fn get(client: &impl GenericClient, id: BreakerId) -> Result<Option<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(concat!("SELECT ", columns!(), " FROM breakers b WHERE b.id = $1"))
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

/// The project of a breaker.
pub async fn project(client: &impl GenericClient, id: BreakerId) -> Result<Option<ProjectId>, Error> {
    let statement = client
        .prepare_cached("SELECT project_id FROM breakers WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.map(|row| row.get::<_, Uuid>(0).into()))
}

/// The breakers of a project, newest first; only those with this status, if one is given. One whose time is up counts as half-open.
pub async fn list(
    client: &impl GenericClient,
    project: ProjectId,
    status: Option<BreakerStatus>,
    page: PageRequest,
) -> Result<Page<BreakerRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM breakers b
             WHERE b.project_id = $1 AND b.id < $2
               AND ($4::text IS NULL OR CASE WHEN b.status = 'open' AND b.open_until <= now() THEN 'half_open' ELSE b.status END = $4)
             ORDER BY b.id DESC LIMIT $3"
        ))
        .await?;
    let status = status.map(BreakerStatus::as_str);
    let rows = client
        .query(
            &statement,
            &[&project.as_uuid(), &page.before(), &page.fetch(), &status],
        )
        .await?;
    let rows: Vec<BreakerRow> = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(page.page(rows, |row| row.id.as_uuid()))
}
