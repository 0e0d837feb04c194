//! Asking again, under the locks of a transaction, whether whoever acts still may.
//!
//! What a token says was true when it was checked. Whoever was demoted, removed or disabled since, while the request waited for its turn, must not undo
//! that: what is decided about others is decided by the rows as they are now.

use gathering_domain::ProjectId;
use gathering_domain::policy::{Actor, ProjectAction, ServerAction, Standing, Verdict};
use gathering_persistence::{Transaction, project_members, users};

use super::{Accounts, Client, Credential, Identity, Operator};
use crate::Error;
use crate::audit::Event;
use crate::tokens::TokenError;

impl Accounts {
    /// Refuses an operator who is a user and may not do this any more. Whoever decides about users has locked the administration before.
    pub(super) async fn confirm_on_server_in(
        &self,
        tx: &Transaction<'_>,
        operator: Operator<'_>,
        action: ServerAction,
    ) -> Result<(), Error> {
        match operator {
            Operator::CommandLine => Ok(()),
            Operator::User(identity) => {
                let actor = self.present_in(tx, identity).await?;
                settled(actor.on_server(action), action.as_str())
            }
        }
    }

    /// Refuses who may not do this in a project any more. Whoever decides about members has locked the project before.
    pub(super) async fn confirm_in_project_in(
        &self,
        tx: &Transaction<'_>,
        identity: &Identity,
        action: ProjectAction,
        project: ProjectId,
    ) -> Result<(), Error> {
        let actor = self.present_in(tx, identity).await?;
        let standing = if identity.confined_to().is_some_and(|only| only != project) {
            Standing::Elsewhere
        } else {
            let role = project_members::role(tx, project, identity.user_id).await?;
            role.map_or(Standing::Stranger, Standing::Member)
        };
        settled(actor.in_project(action, standing), action.as_str())
    }

    /// What the caller is now, whose session or key has to be open still.
    pub(super) async fn present_in(&self, tx: &Transaction<'_>, identity: &Identity) -> Result<Actor, Error> {
        let credential = identity.credential.in_audit().as_uuid();
        let role = users::present(tx, identity.user_id, credential, self.clock.now()).await?;
        let role = role.ok_or(TokenError::Revoked)?;
        Ok(Actor {
            role,
            ..identity.actor()
        })
    }

    /// Writes down also what came to nothing, where that was the caller's doing.
    pub(super) async fn noting<T>(
        &self,
        outcome: Result<T, Error>,
        event: impl FnOnce() -> Event,
        client: &Client,
    ) -> Result<T, Error> {
        if let Some(error) = outcome.as_ref().err().filter(|error| error.is_callers()) {
            let event = event().if_done(false);
            let denied = matches!(error, Error::Denied { .. } | Error::LoginNeeded);
            let event = if denied { event.denied() } else { event };
            self.note(event.saying(error), client).await?;
        }
        outcome
    }
}

/// No key makes anybody more powerful than itself, nor changes what its own user is: whoever finds one must not be able to keep its user out.
pub(super) fn needs_login(identity: &Identity, touches_own_user: bool, gives_power: bool) -> Result<(), Error> {
    match &identity.credential {
        Credential::ApiKey { .. } if touches_own_user || gives_power => Err(Error::LoginNeeded),
        Credential::ApiKey { .. } | Credential::Session { .. } => Ok(()),
    }
}

fn settled(verdict: Verdict, action: &'static str) -> Result<(), Error> {
    match verdict {
        Verdict::Allowed => Ok(()),
        Verdict::Denied(missing) => Err(Error::Denied {
            action,
            missing: Some(missing),
        }),
        Verdict::Hidden => Err(Error::Denied { action, missing: None }),
    }
}
