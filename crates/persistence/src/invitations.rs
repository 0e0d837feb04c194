//! The table `invitations`: who may open an account where not everybody may.

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::policy::{ProjectRole, Role};
use gathering_domain::{InvitationId, ProjectId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::projects::read_role;
use crate::refresh_tokens::TokenHash;
use crate::users;
use crate::{Error, Page, PageRequest};

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// Its id.
    pub id: InvitationId,
    /// Whom it is for, lower-cased; `None` for whoever has it.
    pub email_key: Option<String>,
    /// What the new user will be.
    pub role: Role,
    /// In which project besides their own, and as what.
    pub project: Option<(ProjectId, ProjectRole)>,
    /// Who made it; `None` for the command line.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Until when it may be used.
    pub expires_at: Timestamp,
    /// When somebody registered with it.
    pub used_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, email_key, role, project_id, project_role, created_by, created_at, expires_at, used_at";

/// Inserts an invitation.
pub async fn insert(client: &impl GenericClient, new: &InvitationRow, hash: &TokenHash) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO invitations (id, hash, email_key, role, project_id, project_role, created_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .await?;
    client
        .execute(
            &statement,
            &[
                &new.id.as_uuid(),
                &hash.as_slice(),
                &new.email_key,
                &new.role.as_str(),
                &new.project.map(|(project, _)| project.as_uuid()),
                &new.project.map(|(_, role)| role.as_str()),
                &new.created_by.map(UserId::as_uuid),
                &new.created_at,
                &new.expires_at,
            ],
        )
        .await?;
    Ok(())
}

/// The invitations that may still be used, newest first.
pub async fn open(
    client: &impl GenericClient,
    now: Timestamp,
    page: PageRequest,
) -> Result<Page<InvitationRow>, Error> {
    // The columns are a constant of the program.
    let text = format!(
        "SELECT {COLUMNS} FROM invitations WHERE used_at IS NULL AND expires_at > $1 AND id < $2 ORDER BY id DESC LIMIT $3"
    );
    let statement = client.prepare_cached(&text).await?;
    let rows = client.query(&statement, &[&now, &page.before(), &page.fetch()]).await?;
    let invitations = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(page.page(invitations, |invitation: &InvitationRow| invitation.id.as_uuid()))
}

/// An invitation that may still be used.
pub async fn open_one(
    client: &impl GenericClient,
    id: InvitationId,
    now: Timestamp,
) -> Result<Option<InvitationRow>, Error> {
    let text = format!("SELECT {COLUMNS} FROM invitations WHERE id = $1 AND used_at IS NULL AND expires_at > $2");
    let statement = client.prepare_cached(&text).await?;
    let row = client.query_opt(&statement, &[&id.as_uuid(), &now]).await?;
    row.as_ref().map(read).transpose()
}

/// The invitation of this secret, locked until the end of the transaction, if it may still be used: whoever made it has to be an administrator still.
pub async fn lock_in(tx: &Transaction<'_>, hash: &TokenHash, now: Timestamp) -> Result<Option<InvitationRow>, Error> {
    let text = format!(
        "SELECT {COLUMNS} FROM invitations i WHERE hash = $1 AND used_at IS NULL AND expires_at > $2 AND (created_by IS NULL OR EXISTS (SELECT 1 FROM users u WHERE u.id = i.created_by AND u.role = 'admin' AND u.disabled_at IS NULL)) FOR UPDATE OF i"
    );
    let statement = tx.prepare_cached(&text).await?;
    let row = tx.query_opt(&statement, &[&hash.as_slice(), &now]).await?;
    row.as_ref().map(read).transpose()
}

/// Notes that an invitation was used.
pub async fn use_up(client: &impl GenericClient, id: InvitationId, at: Timestamp) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE invitations SET used_at = greatest($2, created_at) WHERE id = $1 AND used_at IS NULL")
        .await?;
    client.execute(&statement, &[&id.as_uuid(), &at]).await?;
    Ok(())
}

/// Takes an invitation back; `false` if there is none that could still be used.
pub async fn delete(client: &impl GenericClient, id: InvitationId) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("DELETE FROM invitations WHERE id = $1 AND used_at IS NULL")
        .await?;
    Ok(client.execute(&statement, &[&id.as_uuid()]).await? == 1)
}

/// Takes back all that a user has made and nobody used.
pub async fn withdraw_all(client: &impl GenericClient, maker: UserId) -> Result<(), Error> {
    let statement = client
        .prepare_cached("DELETE FROM invitations WHERE created_by = $1 AND used_at IS NULL")
        .await?;
    client.execute(&statement, &[&maker.as_uuid()]).await?;
    Ok(())
}

/// Forgets up to `limit` invitations that were over before `before`; gives how many.
pub async fn forget(client: &impl GenericClient, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at < $1 LIMIT $2)",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}

fn read(row: &Row) -> Result<InvitationRow, Error> {
    let project: Option<Uuid> = row.try_get(3)?;
    let role: Option<&str> = row.try_get(4)?;
    let project = match (project, role) {
        (Some(project), Some(role)) => Some((project.into(), read_role(role)?)),
        (None, _) | (_, None) => None,
    };
    Ok(InvitationRow {
        id: row.try_get::<_, Uuid>(0)?.into(),
        email_key: row.try_get(1)?,
        role: users::read_role(row, 2)?,
        project,
        created_by: row.try_get::<_, Option<Uuid>>(5)?.map(Into::into),
        created_at: row.try_get(6)?,
        expires_at: row.try_get(7)?,
        used_at: row.try_get(8)?,
    })
}
