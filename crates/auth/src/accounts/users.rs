//! Users as an administrator sees and makes them.

use gathering_domain::UserId;
use gathering_domain::policy::{Role, ServerAction};
use gathering_persistence::sessions::EndReason;
use gathering_persistence::users::{self, UserRow};
use gathering_persistence::{Page, PageRequest};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::time::Instant;

use super::disable::end_everything_in;
use super::sessions::{begin, commit};
use super::{Accounts, Operator};
use crate::Error;
use crate::audit::Action;
use crate::email::EmailAddress;
use crate::error::FieldProblem;
use crate::password::{self, normalized};

/// A user, as an administrator sees one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The address as the user wrote it.
    pub email: String,
    /// How the user wants to be called.
    pub name: Option<String>,
    /// What the user is on this server.
    pub role: Role,
    /// When the account was opened.
    pub created_at: Timestamp,
    /// Since when the user may not come in; null while they may.
    pub disabled_at: Option<Timestamp>,
}

impl Accounts {
    /// Opens an account for somebody, with a project of its own, whatever the registration mode.
    ///
    /// An address that has an account is refused as [`Error::Invalid`]: whoever administers may know.
    pub async fn create_user(
        &self,
        email: &str,
        password: SecretString,
        role: Role,
        operator: Operator<'_>,
    ) -> Result<UserId, Error> {
        let outcome = self.try_create_user(email, password, role, operator).await;
        self.noting(outcome, || operator.event(Action::CreateUser), &operator.client())
            .await
    }

    async fn try_create_user(
        &self,
        email: &str,
        password: SecretString,
        role: Role,
        operator: Operator<'_>,
    ) -> Result<UserId, Error> {
        let account = self.prepare(email, password, None).await?.with_role(role);
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        users::lock_administration_in(&tx).await?;
        self.confirm_on_server_in(&tx, operator, ServerAction::ManageUsers)
            .await?;
        let Some(user) = self.insert_in(&tx, &account).await? else {
            let message = "This address has an account.";
            let problems = vec![FieldProblem::new("email", "taken", message)];
            return Err(Error::Invalid { problems });
        };
        let event = operator.event(Action::CreateUser).to(&user);
        let event = event.saying(&format_args!("{} as {role}", account.email()));
        self.note_in(&tx, event, &operator.client(), self.clock.now()).await?;
        commit(tx).await?;
        Ok(user)
    }

    /// All users, newest first.
    pub async fn users(&self, page: PageRequest) -> Result<Page<User>, Error> {
        let connection = self.connection().await?;
        let found = users::list(&connection, page).await?;
        Ok(Page {
            items: found.items.into_iter().map(User::from).collect(),
            next: found.next,
        })
    }

    /// A user.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Error> {
        let connection = self.connection().await?;
        Ok(users::by_id(&connection, id).await?.map(User::from))
    }

    /// The user of this address.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, Error> {
        let Ok(email) = EmailAddress::parse(email) else {
            return Ok(None);
        };
        let connection = self.connection().await?;
        Ok(users::by_email(&connection, email.key()).await?.map(User::from))
    }

    /// Sets a new password for somebody who has lost theirs, and ends all sessions and API keys of theirs. `false` if there is no such user.
    pub async fn reset_password(&self, user: UserId, new: SecretString, operator: Operator<'_>) -> Result<bool, Error> {
        let Some(known) = users::credentials_of(&self.connection().await?, user).await? else {
            return Ok(false);
        };
        let new = normalized(new);
        let problems: Vec<_> = password::problems(new.expose_secret(), &known.email)
            .into_iter()
            .collect();
        if !problems.is_empty() {
            return Err(Error::Invalid { problems });
        }
        let hash = self.hasher.hash(new).await?;
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        self.confirm_management_in(&tx, operator, user, false).await?;
        users::set_password_hash(&tx, user, &hash).await?;
        let ended = end_everything_in(&tx, user, EndReason::PasswordChanged).await?;
        let event = operator.event(Action::ResetPassword).to(&user);
        self.note_in(&tx, event, &operator.client(), self.clock.now()).await?;
        commit(tx).await?;
        self.revocations.add(ended, Instant::now());
        Ok(true)
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            name: row.name,
            role: row.role,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
        }
    }
}
