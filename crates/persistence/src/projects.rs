//! The table `projects`.

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::policy::ProjectRole;
use gathering_domain::{ProjectId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{Error, Page, PageRequest};

/// A project to insert.
#[derive(Debug, Clone)]
pub struct NewProject<'a> {
    /// The new project's id.
    pub id: ProjectId,
    /// Its name, 1 to 200 characters.
    pub name: &'a str,
    /// The user who makes it, and whose membership is inserted in the same transaction.
    pub owner_id: UserId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Inserts a project.
pub async fn insert(client: &impl GenericClient, project: &NewProject<'_>) -> Result<(), Error> {
    let statement = client
        .prepare_cached("INSERT INTO projects (id, name, owner_id, created_at) VALUES ($1, $2, $3, $4)")
        .await?;
    let (id, owner) = (project.id.as_uuid(), project.owner_id.as_uuid());
    client
        .execute(&statement, &[&id, &project.name, &owner, &project.created_at])
        .await?;
    Ok(())
}

/// A project that its user sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRow {
    /// Its id.
    pub id: ProjectId,
    /// How it is called.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What the user is in it; `None` for an administrator who is no member.
    pub role: Option<ProjectRole>,
}

/// A project as this user sees it, unless it was deleted.
pub async fn get(client: &impl GenericClient, id: ProjectId, user: UserId) -> Result<Option<ProjectRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT p.id, p.name, p.created_at, m.role FROM projects p
             LEFT JOIN project_members m ON m.project_id = p.id AND m.user_id = $2
             WHERE p.id = $1 AND p.deleted_at IS NULL",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid(), &user.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

/// The projects that this user is a member of, newest first.
pub async fn of_member(
    client: &impl GenericClient,
    user: UserId,
    page: PageRequest,
) -> Result<Page<ProjectRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT p.id, p.name, p.created_at, m.role FROM project_members m
             JOIN projects p ON p.id = m.project_id AND p.deleted_at IS NULL
             WHERE m.user_id = $1 AND m.project_id < $2 ORDER BY m.project_id DESC LIMIT $3",
        )
        .await?;
    let rows = client
        .query(&statement, &[&user.as_uuid(), &page.before(), &page.fetch()])
        .await?;
    paged(page, &rows)
}

/// All projects, newest first, with what this user is in each.
pub async fn all(client: &impl GenericClient, user: UserId, page: PageRequest) -> Result<Page<ProjectRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT p.id, p.name, p.created_at, m.role FROM projects p
             LEFT JOIN project_members m ON m.project_id = p.id AND m.user_id = $1
             WHERE p.deleted_at IS NULL AND p.id < $2 ORDER BY p.id DESC LIMIT $3",
        )
        .await?;
    let rows = client
        .query(&statement, &[&user.as_uuid(), &page.before(), &page.fetch()])
        .await?;
    paged(page, &rows)
}

/// Calls a project otherwise; `false` if there is none.
pub async fn rename(client: &impl GenericClient, id: ProjectId, name: &str) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("UPDATE projects SET name = $2 WHERE id = $1 AND deleted_at IS NULL")
        .await?;
    Ok(client.execute(&statement, &[&id.as_uuid(), &name]).await? == 1)
}

/// Hides a project for good; `false` if there is none, or it is the own one of a user.
pub async fn delete(client: &impl GenericClient, id: ProjectId, at: Timestamp) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE projects SET deleted_at = greatest($2, created_at) WHERE id = $1 AND deleted_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = projects.owner_id AND default_project_id = projects.id)",
        )
        .await?;
    Ok(client.execute(&statement, &[&id.as_uuid(), &at]).await? == 1)
}

/// How many projects a user has made that were not deleted.
pub async fn count_made_by(client: &impl GenericClient, user: UserId) -> Result<i64, Error> {
    let statement = client
        .prepare_cached("SELECT count(*) FROM projects WHERE owner_id = $1 AND deleted_at IS NULL")
        .await?;
    Ok(client.query_one(&statement, &[&user.as_uuid()]).await?.get(0))
}

/// Locks a project against whoever else changes its members or puts something into it, and gives the user whose own it is.
///
/// The outer `None` where there is no such project.
pub async fn lock_in(tx: &Transaction<'_>, id: ProjectId) -> Result<Option<Option<UserId>>, Error> {
    let statement = tx
        .prepare_cached(
            "SELECT u.id FROM projects p LEFT JOIN users u ON u.id = p.owner_id AND u.default_project_id = p.id
             WHERE p.id = $1 AND p.deleted_at IS NULL FOR UPDATE OF p",
        )
        .await?;
    let row = tx.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.map(|row| row.get::<_, Option<Uuid>>(0).map(Into::into)))
}

/// Keeps a project from being deleted until the transaction ends; waits for a deletion that has begun. `false` if it was deleted.
///
/// A project that never was is not deleted either: engines that are embedded without accounts have none.
pub async fn keep_in(tx: &Transaction<'_>, id: ProjectId) -> Result<bool, Error> {
    let statement = tx
        // Not FOR KEY SHARE: that waits for no update of other columns than those of keys.
        .prepare_cached("SELECT deleted_at IS NULL FROM projects WHERE id = $1 FOR SHARE")
        .await?;
    let row = tx.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.is_none_or(|row| row.get(0)))
}

fn paged(page: PageRequest, rows: &[Row]) -> Result<Page<ProjectRow>, Error> {
    let projects = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(page.page(projects, |project: &ProjectRow| project.id.as_uuid()))
}

fn read(row: &Row) -> Result<ProjectRow, Error> {
    let role: Option<&str> = row.try_get(3)?;
    Ok(ProjectRow {
        id: row.try_get::<_, Uuid>(0)?.into(),
        name: row.try_get(1)?,
        created_at: row.try_get(2)?,
        role: role.map(read_role).transpose()?,
    })
}

/// The role of this word.
pub(crate) fn read_role(word: &str) -> Result<ProjectRole, Error> {
    word.parse()
        .map_err(|_unknown| Error::corrupt("project_members", "a role that is none"))
}
