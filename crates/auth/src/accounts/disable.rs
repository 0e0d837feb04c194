//! Who may not come in any more, and may again; and who is something else from now on.

use gathering_domain::policy::Role;
use gathering_domain::{ApiKeyId, SessionId, UserId};
use gathering_persistence::sessions::EndReason;
use gathering_persistence::{Transaction, api_keys, sessions, users};
use tokio::time::Instant;
use uuid::Uuid;

use super::sessions::{begin, commit};
use super::{Accounts, Operator};
use crate::Error;
use crate::audit::Action;
use crate::error::StillNeeded;

impl Accounts {
    /// Keeps a user from coming in, and ends all sessions and API keys of theirs. `false` if there is no such user.
    ///
    /// The last administrator is refused as [`Error::StillNeeded`].
    pub async fn disable(&self, user: UserId, operator: Operator<'_>) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        if is_last_admin_in(&tx, user).await? {
            drop(tx);
            drop(connection);
            return Err(self.refused(Action::Disable, user, operator).await?);
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
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let known = users::set_disabled(&tx, user, None).await?;
        let event = operator.event(Action::Enable).to(&user).if_done(known);
        self.note_in(&tx, event, &operator.client(), self.clock.now()).await?;
        commit(tx).await?;
        Ok(known)
    }

    /// Says what a user is from now on. Where that is something else, all sessions and API keys of theirs end: they say what the user was.
    /// `false` if there is no such user.
    ///
    /// The last administrator is refused as [`Error::StillNeeded`].
    pub async fn set_role(&self, user: UserId, role: Role, operator: Operator<'_>) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        if role != Role::Admin && is_last_admin_in(&tx, user).await? {
            drop(tx);
            drop(connection);
            return Err(self.refused(Action::SetRole, user, operator).await?);
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

    /// Notes that the last administrator was to go, and gives the error that says so.
    async fn refused(&self, action: Action, user: UserId, operator: Operator<'_>) -> Result<Error, Error> {
        let event = operator.event(action).to(&user).if_done(false);
        self.note(event.saying("the last administrator"), &operator.client())
            .await?;
        Ok(Error::StillNeeded(StillNeeded::LastAdministrator))
    }
}

/// Whether nobody else is left who could say who may do what. Nobody changes that until the end of the transaction.
async fn is_last_admin_in(tx: &Transaction<'_>, user: UserId) -> Result<bool, Error> {
    Ok(users::lock_admins_in(tx).await? == [user])
}

/// Ends all sessions and API keys of a user; gives their ids.
pub(super) async fn end_everything_in(
    tx: &Transaction<'_>,
    user: UserId,
    reason: EndReason,
) -> Result<Vec<Uuid>, Error> {
    let sessions = sessions::end_all(tx, user, None, reason).await?;
    let keys = api_keys::end_all(tx, user).await?;
    let ended = sessions.into_iter().map(SessionId::as_uuid);
    Ok(ended.chain(keys.into_iter().map(ApiKeyId::as_uuid)).collect())
}
