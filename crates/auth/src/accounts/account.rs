//! What a user sees of their own account.

use gathering_domain::policy::Role;
use gathering_domain::{ProjectId, UserId};
use gathering_persistence::users;
use jiff::Timestamp;
use serde::Serialize;

use super::Accounts;
use crate::Error;

/// A user's account, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    /// The user's id.
    pub id: UserId,
    /// The address as the user wrote it.
    pub email: String,
    /// How the user wants to be called.
    pub name: Option<String>,
    /// What the user is on this server.
    pub role: Role,
    /// The user's own project, meant wherever none is named.
    pub default_project_id: ProjectId,
    /// When the account was opened.
    pub created_at: Timestamp,
}

impl Accounts {
    /// The account of a user who exists and is not disabled.
    pub async fn me(&self, user_id: UserId) -> Result<Account, Error> {
        let connection = self.connection().await?;
        let user = users::by_id(&connection, user_id).await?;
        let user = user
            .filter(|user| user.disabled_at.is_none())
            .ok_or(Error::UnknownUser(user_id))?;
        Ok(Account {
            id: user.id,
            email: user.email,
            name: user.name,
            role: user.role,
            default_project_id: user.default_project_id,
            created_at: user.created_at,
        })
    }
}
