//! Use cases of administrators: users, invitations and the audit.

use gathering_auth::{
    Accounts, AuditFilter, AuditPage, Identity, Invitation, MadeInvitation, NewInvitation, Operator, User,
};
use gathering_domain::policy::{Role, ServerAction};
use gathering_domain::{InvitationId, UserId};
use gathering_persistence::{Page, PageRequest};

use crate::error::Kind;
use crate::{Error, Gathering};

impl Gathering {
    /// The accounts, for whoever may do everything anyway: the command line, with [`Operator::CommandLine`].
    pub fn as_operator(&self) -> &Accounts {
        self.accounts.for_everybody()
    }

    /// All users, newest first; or the one who has this address.
    pub async fn users(
        &self,
        identity: &Identity,
        email: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<User>, Error> {
        let proof = self.may_on_server(identity, ServerAction::ViewUsers).await?;
        let accounts = self.accounts.with(&proof);
        let Some(email) = email else {
            return Ok(accounts.users(page).await?);
        };
        let found = accounts.user_by_email(email).await?;
        Ok(Page {
            items: found.into_iter().collect(),
            next: None,
        })
    }

    /// A user.
    pub async fn user(&self, identity: &Identity, id: UserId) -> Result<User, Error> {
        let proof = self.may_on_server(identity, ServerAction::ViewUsers).await?;
        let found = self.accounts.with(&proof).user(id).await?;
        found.ok_or_else(|| Error::not_found(Kind::User, id))
    }

    /// Says what a user is from now on. Where that is something else, the user's sessions and API keys end.
    pub async fn set_role(&self, identity: &Identity, id: UserId, role: Role) -> Result<User, Error> {
        let proof = self.may_on_server(identity, ServerAction::ManageUsers).await?;
        let accounts = self.accounts.with(&proof);
        accounts.set_role(id, role, Operator::User(identity)).await?;
        let found = accounts.user(id).await?;
        found.ok_or_else(|| Error::not_found(Kind::User, id))
    }

    /// Keeps a user from coming in, and ends the user's sessions and API keys; or lets the user in again.
    pub async fn set_disabled(&self, identity: &Identity, id: UserId, disabled: bool) -> Result<User, Error> {
        let proof = self.may_on_server(identity, ServerAction::ManageUsers).await?;
        let (accounts, operator) = (self.accounts.with(&proof), Operator::User(identity));
        if disabled {
            accounts.disable(id, operator).await?;
        } else {
            accounts.enable(id, operator).await?;
        }
        let found = accounts.user(id).await?;
        found.ok_or_else(|| Error::not_found(Kind::User, id))
    }

    /// Makes an invitation, which is good for one registration.
    pub async fn invite(&self, identity: &Identity, new: NewInvitation) -> Result<MadeInvitation, Error> {
        let proof = self.may_on_server(identity, ServerAction::ManageInvitations).await?;
        let accounts = self.accounts.with(&proof);
        Ok(accounts.invite(new, Operator::User(identity)).await?)
    }

    /// The invitations that may still be used, newest first.
    pub async fn invitations(&self, identity: &Identity, page: PageRequest) -> Result<Page<Invitation>, Error> {
        let proof = self.may_on_server(identity, ServerAction::ManageInvitations).await?;
        Ok(self.accounts.with(&proof).invitations(page).await?)
    }

    /// An invitation that may still be used.
    pub async fn invitation(&self, identity: &Identity, id: InvitationId) -> Result<Invitation, Error> {
        let proof = self.may_on_server(identity, ServerAction::ManageInvitations).await?;
        let found = self.accounts.with(&proof).invitation(id).await?;
        found.ok_or_else(|| Error::not_found(Kind::Invitation, id))
    }

    /// Takes an invitation back.
    pub async fn withdraw_invitation(&self, identity: &Identity, id: InvitationId) -> Result<(), Error> {
        let proof = self.may_on_server(identity, ServerAction::ManageInvitations).await?;
        let accounts = self.accounts.with(&proof);
        if accounts.withdraw_invitation(id, Operator::User(identity)).await? {
            return Ok(());
        }
        Err(Error::not_found(Kind::Invitation, id))
    }

    /// At most `limit` rows of the audit that match, before this number, the last ones first.
    pub async fn audit(
        &self,
        identity: &Identity,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage, Error> {
        let proof = self.may_on_server(identity, ServerAction::ViewAudit).await?;
        Ok(self.accounts.with(&proof).audit(filter, before, limit).await?)
    }
}
