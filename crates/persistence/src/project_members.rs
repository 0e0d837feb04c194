//! The table `project_members`: who is what in which project.

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::policy::ProjectRole;
use gathering_domain::{ProjectId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::projects::read_role;
use crate::{Error, Page, PageRequest};

/// A member, with what others of the project see of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The user.
    pub user_id: UserId,
    /// The user's address.
    pub email: String,
    /// How the user wants to be called.
    pub name: Option<String>,
    /// What the user is in the project.
    pub role: ProjectRole,
    /// Since when.
    pub added_at: Timestamp,
}

/// What a user is in a project that was not deleted.
pub async fn role(client: &impl GenericClient, project: ProjectId, user: UserId) -> Result<Option<ProjectRole>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT m.role FROM project_members m JOIN projects p ON p.id = m.project_id
             WHERE m.project_id = $1 AND m.user_id = $2 AND p.deleted_at IS NULL",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&project.as_uuid(), &user.as_uuid()])
        .await?;
    row.map(|row| read_role(row.try_get(0)?)).transpose()
}

/// Whether there is such a project, and it was not deleted.
pub async fn project_exists(client: &impl GenericClient, project: ProjectId) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("SELECT 1 FROM projects WHERE id = $1 AND deleted_at IS NULL")
        .await?;
    Ok(client.query_opt(&statement, &[&project.as_uuid()]).await?.is_some())
}

/// The members of a project, those with the youngest accounts first.
pub async fn list(
    client: &impl GenericClient,
    project: ProjectId,
    page: PageRequest,
) -> Result<Page<MemberRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT u.id, u.email, u.name, m.role, m.added_at FROM project_members m JOIN users u ON u.id = m.user_id
             WHERE m.project_id = $1 AND m.user_id < $2 ORDER BY m.user_id DESC LIMIT $3",
        )
        .await?;
    let rows = client
        .query(&statement, &[&project.as_uuid(), &page.before(), &page.fetch()])
        .await?;
    let members = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(page.page(members, |member: &MemberRow| member.user_id.as_uuid()))
}

/// One member of a project.
pub async fn get(client: &impl GenericClient, project: ProjectId, user: UserId) -> Result<Option<MemberRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT u.id, u.email, u.name, m.role, m.added_at FROM project_members m JOIN users u ON u.id = m.user_id
             WHERE m.project_id = $1 AND m.user_id = $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&project.as_uuid(), &user.as_uuid()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// How many members a project has, and how many of them own it. Of a project that is locked, until the end of the transaction.
pub async fn count_in(tx: &Transaction<'_>, project: ProjectId) -> Result<(i64, i64), Error> {
    let statement = tx
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE role = 'owner') FROM project_members WHERE project_id = $1",
        )
        .await?;
    let row = tx.query_one(&statement, &[&project.as_uuid()]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Of how many projects that were not deleted a user is a member.
pub async fn count_of(client: &impl GenericClient, user: UserId) -> Result<i64, Error> {
    let statement = client
        .prepare_cached(
            "SELECT count(*) FROM project_members m JOIN projects p ON p.id = m.project_id
             WHERE m.user_id = $1 AND p.deleted_at IS NULL",
        )
        .await?;
    Ok(client.query_one(&statement, &[&user.as_uuid()]).await?.get(0))
}

/// Makes a user a member, or the member something else. The user must exist.
pub async fn put(
    client: &impl GenericClient,
    project: ProjectId,
    user: UserId,
    role: ProjectRole,
    at: Timestamp,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO project_members (project_id, user_id, role, added_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role",
        )
        .await?;
    client
        .execute(&statement, &[&project.as_uuid(), &user.as_uuid(), &role.as_str(), &at])
        .await?;
    Ok(())
}

/// Takes a member out; `false` if there is no such one.
pub async fn remove(client: &impl GenericClient, project: ProjectId, user: UserId) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("DELETE FROM project_members WHERE project_id = $1 AND user_id = $2")
        .await?;
    let removed = client
        .execute(&statement, &[&project.as_uuid(), &user.as_uuid()])
        .await?;
    Ok(removed == 1)
}

fn read(row: &Row) -> Result<MemberRow, Error> {
    Ok(MemberRow {
        user_id: row.try_get::<_, Uuid>(0)?.into(),
        email: row.try_get(1)?,
        name: row.try_get(2)?,
        role: read_role(row.try_get(3)?)?,
        added_at: row.try_get(4)?,
    })
}
