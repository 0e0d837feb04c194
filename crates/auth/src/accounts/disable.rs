//! Who may not come in any more, and may again; and who is something else from now on.

use gathering_domain::policy::{Role, ServerAction};
use gathering_domain::{ApiKeyId, SessionId, UserId};
use gathering_persistence::sessions::EndReason;
use gathering_persistence::{Transaction, api_keys, invitations, sessions, users};
use tokio::time::Instant;
use uuid::Uuid;

use super::confirming::needs_login;
use super::sessions::{begin, commit};
use super::{Accounts, Operator};
use crate::Error;
use crate::audit::Action;
use crate::error::StillNeeded;

impl Accounts {
    /// Keeps a user from coming in, and ends all sessions and API keys of theirs, and what they invited. `false` if there is no such user.
    ///
    /// The last administrator is refused as [`Error::StillNeeded`].
    pub async fn disable(&self, user: UserId, operator: Operator<'_>) -> Result<bool, Error> {
        let outcome = self.try_disable(user, operator).await;
        let event = || operator.event(Action::Disable).to(&user);
        self.noting(outcome, event, &operator.client()).await
    }

    async fn try_disable(&self, user: UserId, operator: Operator<'_>) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        self.confirm_management_in(&tx, operator, user, false).await?;
        if is_last_admin_in(&tx, user).await? {
            return Err(Error::StillNeeded(StillNeeded::LastAdministrator));
        }
        let known = users::set_disabled(&tx, user, Some(self.clock.now())).await?;
        let ended = end_everything_in(&tx, user, EndReason::UserDisabled).await?;
        let event = operator.event(Action::Disable).to(&user).if_done(known);
        self.note_in(&tx, event, &operator.client(), self.clock.now()).await?;
        commit(tx).await?;
        self.revocations.add(ended, Instant::now());
        Ok(known)
    }

    /// Lets a user in again. `false` if there is no such user.
    pub async fn enable(&self, user: UserId, operator: Operator<'_>) -> Result<bool, Error> {
        let outcome = self.try_enable(user, operator).await;
        let event = || operator.event(Action::Enable).to(&user);
        self.noting(outcome, event, &operator.client()).await
    }

    async fn try_enable(&self, user: UserId, operator: Operator<'_>) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        self.confirm_management_in(&tx, operator, user, false).await?;
        let known = users::set_disabled(&tx, user, None).await?;
        let event = operator.event(Action::Enable).to(&user).if_done(known);
        self.note_in(&tx, event, &operator.client(), self.clock.now()).await?;
        commit(tx).await?;
        Ok(known)
    }

    /// Says what a user is from now on. Where that is something else, all sessions and API keys of theirs end, which say what the user was, and what they
    /// invited. `false` if there is no such user.
    ///
    /// The last administrator is refused as [`Error::StillNeeded`].
    pub async fn set_role(&self, user: UserId, role: Role, operator: Operator<'_>) -> Result<bool, Error> {
        let outcome = self.try_set_role(user, role, operator).await;
        let event = || operator.event(Action::SetRole).to(&user);
        self.noting(outcome, event, &operator.client()).await
    }

    async fn try_set_role(&self, user: UserId, role: Role, operator: Operator<'_>) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        self.confirm_management_in(&tx, operator, user, role == Role::Admin)
            .await?;
        if role != Role::Admin && is_last_admin_in(&tx, user).await? {
            return Err(Error::StillNeeded(StillNeeded::LastAdministrator));
        }
        let before = users::set_role_in(&tx, user, role).await?;
        let ended = match before {
            Some(before) if before != role => end_everything_in(&tx, user, EndReason::RoleChanged).await?,
            Some(_) | None => Vec::new(),
        };
        let event = operator.event(Action::SetRole).to(&user).if_done(before.is_some());
        let event = match before {
            Some(before) => event.saying(&format_args!("{before} to {role}")),
            None => event,
        };
        self.note_in(&tx, event, &operator.client(), self.clock.now()).await?;
        commit(tx).await?;
        self.revocations.add(ended, Instant::now());
        Ok(before.is_some())
    }

    /// Waits for its turn to decide about users, and then asks whether the operator still may.
    pub(super) async fn confirm_management_in(
        &self,
        tx: &Transaction<'_>,
        operator: Operator<'_>,
        user: UserId,
        gives_power: bool,
    ) -> Result<(), Error> {
        if let Operator::User(identity) = operator {
            needs_login(identity, user == identity.user_id, gives_power)?;
        }
        users::lock_administration_in(tx).await?;
        self.confirm_on_server_in(tx, operator, ServerAction::ManageUsers).await
    }
}

/// Whether nobody else is left who could say who may do what. The administration is locked.
async fn is_last_admin_in(tx: &Transaction<'_>, user: UserId) -> Result<bool, Error> {
    Ok(users::admins_in(tx).await? == [user])
}

/// Ends all sessions, API keys and invitations of a user; gives the ids of those that instances know of.
pub(super) async fn end_everything_in(
    tx: &Transaction<'_>,
    user: UserId,
    reason: EndReason,
) -> Result<Vec<Uuid>, Error> {
    let sessions = sessions::end_all(tx, user, None, reason).await?;
    let keys = api_keys::end_all(tx, user).await?;
    // Whoever has lost the right to invite must not come back by what was invited before.
    invitations::withdraw_all(tx, user).await?;
    let ended = sessions.into_iter().map(SessionId::as_uuid);
    Ok(ended.chain(keys.into_iter().map(ApiKeyId::as_uuid)).collect())
}
