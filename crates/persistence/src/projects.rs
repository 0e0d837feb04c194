//! The table `projects`.

use deadpool_postgres::GenericClient;
use gathering_domain::{ProjectId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// A project to insert.
#[derive(Debug, Clone)]
pub struct NewProject<'a> {
    /// The new project's id.
    pub id: ProjectId,
    /// Its name, 1 to 200 characters.
    pub name: &'a str,
    /// The user who owns it.
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

/// Who owns a project, if there is one.
pub async fn owner(client: &impl GenericClient, id: ProjectId) -> Result<Option<UserId>, Error> {
    let statement = client
        .prepare_cached("SELECT owner_id FROM projects WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.map(|row| row.get::<_, Uuid>(0).into()))
}
