//! The table `users`.

use std::fmt;

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::policy::Role;
use gathering_domain::{ProjectId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{Error, Page, PageRequest};

/// A password's argon2id hash as a PHC string; its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a PHC string as it is; the database refuses what is no argon2id hash.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([hidden])")
    }
}

/// A user to insert.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// The new user's id.
    pub id: UserId,
    /// The address as the user wrote it.
    pub email: &'a str,
    /// The address lower-cased: unique among all users.
    pub email_key: &'a str,
    /// How the user wants to be called.
    pub name: Option<&'a str>,
    /// The password's hash.
    pub password_hash: &'a PasswordHash,
    /// What the user is to be on this server.
    pub role: Role,
    /// The user's own project, inserted in the same transaction.
    pub default_project_id: ProjectId,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// What everybody who may see a user sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// The user's id.
    pub id: UserId,
    /// The address as the user wrote it.
    pub email: String,
    /// How the user wants to be called.
    pub name: Option<String>,
    /// What the user is on this server.
    pub role: Role,
    /// The user's own project.
    pub default_project_id: ProjectId,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Since when the account is disabled.
    pub disabled_at: Option<Timestamp>,
}

/// What a login compares.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user's id.
    pub id: UserId,
    /// The address as the user wrote it.
    pub email: String,
    /// The password's hash.
    pub password_hash: PasswordHash,
    /// The user's own project.
    pub default_project_id: ProjectId,
    /// Since when the account is disabled.
    pub disabled_at: Option<Timestamp>,
}

/// Inserts a user unless the address is taken; tells whether it did.
///
/// Where the address is taken, the transaction writes a message of its own to the write-ahead log, so that its commit
/// waits for the disk as an insert's does: the time taken does not tell who has an account.
pub async fn insert_if_absent(client: &impl GenericClient, user: &NewUser<'_>) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO users (id, email, email_key, name, password_hash, default_project_id, created_at, role)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT ON CONSTRAINT users_email_key_unique DO NOTHING",
        )
        .await?;
    let hash = user.password_hash.as_str();
    let (id, project) = (user.id.as_uuid(), user.default_project_id.as_uuid());
    let inserted = client
        .execute(
            &statement,
            &[
                &id,
                &user.email,
                &user.email_key,
                &user.name,
                &hash,
                &project,
                &user.created_at,
                &user.role.as_str(),
            ],
        )
        .await?;
    if inserted == 0 {
        write_nothing(client).await?;
    }
    Ok(inserted == 1)
}

/// The user of this id.
pub async fn by_id(client: &impl GenericClient, id: UserId) -> Result<Option<UserRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, email, name, role, default_project_id, created_at, disabled_at FROM users WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    row.as_ref().map(user_row).transpose()
}

/// The user of this (lower-cased) address.
pub async fn by_email(client: &impl GenericClient, email_key: &str) -> Result<Option<UserRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, email, name, role, default_project_id, created_at, disabled_at FROM users WHERE email_key = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&email_key]).await?;
    row.as_ref().map(user_row).transpose()
}

/// All users, newest first.
pub async fn list(client: &impl GenericClient, page: PageRequest) -> Result<Page<UserRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, email, name, role, default_project_id, created_at, disabled_at FROM users
             WHERE id < $1 ORDER BY id DESC LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&page.before(), &page.fetch()]).await?;
    let users = rows.iter().map(user_row).collect::<Result<_, _>>()?;
    Ok(page.page(users, |user: &UserRow| user.id.as_uuid()))
}

/// What decides about users, until the end of the transaction: nobody else does meanwhile.
const ADMINISTRATION_LOCK: i64 = 0x6761_7468_6164_6d69;

/// Waits for whoever else decides about users, and lets nobody else until the end of the transaction. Row locks would not do: which rows matter depends on
/// what the others decide.
pub async fn lock_administration_in(tx: &Transaction<'_>) -> Result<(), Error> {
    let statement = tx.prepare_cached("SELECT pg_advisory_xact_lock($1)").await?;
    tx.query_one(&statement, &[&ADMINISTRATION_LOCK]).await?;
    Ok(())
}

/// What a user is who may come in, and whose session or API key of this id is open.
pub async fn present(
    client: &impl GenericClient,
    id: UserId,
    credential: Uuid,
    now: Timestamp,
) -> Result<Option<Role>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT role FROM users WHERE id = $1 AND disabled_at IS NULL AND (
                 EXISTS (SELECT 1 FROM sessions WHERE id = $2 AND user_id = $1 AND ended_at IS NULL AND expires_at > $3)
                 OR EXISTS (SELECT 1 FROM api_keys WHERE id = $2 AND user_id = $1 AND ended_at IS NULL AND expires_at > $3))",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&id.as_uuid(), &credential, &now])
        .await?;
    row.map(|row| read_role(&row, 0)).transpose()
}

/// The administrators who may come in. Of an administration that is locked, until the end of the transaction.
pub async fn admins_in(tx: &Transaction<'_>) -> Result<Vec<UserId>, Error> {
    let statement = tx
        .prepare_cached("SELECT id FROM users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id")
        .await?;
    let rows = tx.query(&statement, &[]).await?;
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

/// Says what a user is from now on; gives what the user was, or `None` if there is no such user.
pub async fn set_role_in(tx: &Transaction<'_>, id: UserId, role: Role) -> Result<Option<Role>, Error> {
    let lock = tx
        .prepare_cached("SELECT role FROM users WHERE id = $1 FOR UPDATE")
        .await?;
    let Some(row) = tx.query_opt(&lock, &[&id.as_uuid()]).await? else {
        return Ok(None);
    };
    let update = tx.prepare_cached("UPDATE users SET role = $2 WHERE id = $1").await?;
    tx.execute(&update, &[&id.as_uuid(), &role.as_str()]).await?;
    read_role(&row, 0).map(Some)
}

/// What the login of this (lower-cased) address is compared with.
pub async fn credentials(client: &impl GenericClient, email_key: &str) -> Result<Option<Credentials>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, email, password_hash, default_project_id, disabled_at FROM users WHERE email_key = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&email_key]).await?;
    row.as_ref().map(credentials_row).transpose()
}

/// The same of a user by id.
pub async fn credentials_of(client: &impl GenericClient, id: UserId) -> Result<Option<Credentials>, Error> {
    let statement = client
        .prepare_cached("SELECT id, email, password_hash, default_project_id, disabled_at FROM users WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    row.as_ref().map(credentials_row).transpose()
}

/// What a user is who may come in with the password of this hash, which from now to the end of the transaction nobody changes.
pub async fn lock_admission_in(tx: &Transaction<'_>, id: UserId, hash: &PasswordHash) -> Result<Option<Role>, Error> {
    // FOR SHARE: logins do not wait for one another, but whoever changes the password or the role, or disables the user, comes before or after all of
    // this, and then finds the session that it opens.
    let statement = tx
        .prepare_cached("SELECT role, password_hash = $2 AND disabled_at IS NULL FROM users WHERE id = $1 FOR SHARE")
        .await?;
    let row = tx.query_opt(&statement, &[&id.as_uuid(), &hash.as_str()]).await?;
    let admitted = row.filter(|row| row.get(1));
    admitted.map(|row| read_role(&row, 0)).transpose()
}

/// Sets a password's hash, whatever it was.
pub async fn set_password_hash(client: &impl GenericClient, id: UserId, new: &PasswordHash) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE users SET password_hash = $2 WHERE id = $1")
        .await?;
    client.execute(&statement, &[&id.as_uuid(), &new.as_str()]).await?;
    Ok(())
}

/// Whether a user may come in; from now to the end of the transaction nobody opens a session of theirs.
pub async fn keep_out_in(tx: &Transaction<'_>, id: UserId) -> Result<bool, Error> {
    // Conflicts with the lock that a login takes: those under way are waited for, and their sessions seen; later ones see what is changed here.
    let statement = tx
        .prepare_cached("SELECT disabled_at IS NULL FROM users WHERE id = $1 FOR NO KEY UPDATE")
        .await?;
    let row = tx.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// Keeps a user from coming in, or lets the user in again (`None`); `false` if there is no such user.
pub async fn set_disabled(client: &impl GenericClient, id: UserId, since: Option<Timestamp>) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            // `greatest` alone would take no notice of a NULL.
            "UPDATE users SET disabled_at = CASE WHEN $2::timestamptz IS NULL THEN NULL ELSE greatest($2, created_at) END WHERE id = $1",
        )
        .await?;
    Ok(client.execute(&statement, &[&id.as_uuid(), &since]).await? == 1)
}

/// Replaces a password's hash, if it is still `old`; tells whether it did.
pub async fn replace_password_hash(
    client: &impl GenericClient,
    id: UserId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
        .await?;
    let updated = client
        .execute(&statement, &[&id.as_uuid(), &old.as_str(), &new.as_str()])
        .await?;
    Ok(updated == 1)
}

/// Gives the transaction something to flush at its commit, in no table.
async fn write_nothing(client: &impl GenericClient) -> Result<(), Error> {
    let statement = client
        .prepare_cached("SELECT pg_logical_emit_message(TRUE, 'gathering', '')")
        .await?;
    client.query_one(&statement, &[]).await?;
    Ok(())
}

fn user_row(row: &Row) -> Result<UserRow, Error> {
    Ok(UserRow {
        id: row.try_get::<_, Uuid>("id")?.into(),
        email: row.try_get("email")?,
        name: row.try_get("name")?,
        role: read_role(row, 3)?,
        default_project_id: row.try_get::<_, Uuid>("default_project_id")?.into(),
        created_at: row.try_get("created_at")?,
        disabled_at: row.try_get("disabled_at")?,
    })
}

fn credentials_row(row: &Row) -> Result<Credentials, Error> {
    Ok(Credentials {
        id: row.try_get::<_, Uuid>("id")?.into(),
        email: row.try_get("email")?,
        password_hash: PasswordHash(row.try_get("password_hash")?),
        default_project_id: row.try_get::<_, Uuid>("default_project_id")?.into(),
        disabled_at: row.try_get("disabled_at")?,
    })
}

/// The role in a column.
pub(crate) fn read_role(row: &Row, column: usize) -> Result<Role, Error> {
    let word: &str = row.try_get(column)?;
    word.parse()
        .map_err(|_unknown| Error::corrupt("users", "a role that is none"))
}
