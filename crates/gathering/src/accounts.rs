//! Use cases of accounts: open one, log in, find out who asks, keep a session going, and end it.

use gathering_auth::{Account, AuditReport, Client, Identity, IssuedTokens, Jwks, Registration, Session};
use gathering_domain::SessionId;
use gathering_domain::policy::AccountAction;
use gathering_persistence::{Page, PageRequest};
use secrecy::SecretString;

use crate::error::Kind;
use crate::{Error, Gathering};

/// An account that somebody wants to open.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The address that will be logged in with.
    pub email: String,
    /// 15 to 128 characters.
    pub password: SecretString,
    /// How the user wants to be called.
    pub name: Option<String>,
    /// The secret of an invitation.
    pub invitation: Option<SecretString>,
}

impl Gathering {
    /// Opens an account with a project of its own. Says nothing about whether the address had one.
    pub async fn register(&self, account: NewAccount, client: &Client) -> Result<(), Error> {
        let registration = Registration {
            email: &account.email,
            password: account.password,
            name: account.name.as_deref(),
            invitation: account.invitation,
        };
        Ok(self.accounts().register_from(registration, client).await?)
    }

    /// Opens a session for the user of this address and password.
    pub async fn login(&self, email: &str, password: SecretString, client: &Client) -> Result<IssuedTokens, Error> {
        self.login_with_code(email, password, None, client).await
    }

    /// The same, with a code of the user's second factor or a recovery code.
    pub async fn login_with_code(
        &self,
        email: &str,
        password: SecretString,
        code: Option<SecretString>,
        client: &Client,
    ) -> Result<IssuedTokens, Error> {
        Ok(self.accounts().login_with_code(email, password, code, client).await?)
    }

    /// Exchanges a refresh token for the next one, with a new access token of the same session.
    pub async fn refresh(&self, token: SecretString, client: &Client) -> Result<IssuedTokens, Error> {
        Ok(self.accounts().refresh(token, client).await?)
    }

    /// The public keys with which others can check access tokens.
    pub fn jwks(&self) -> Jwks {
        self.accounts().jwks()
    }

    /// Who a request comes from, as its access token or API key says. Runs no query, while this instance is in step with the ends of sessions.
    pub async fn authenticate(&self, token: &str, client: Client) -> Result<Identity, Error> {
        Ok(self.accounts().authenticate_from(token, client).await?)
    }

    /// Follows the chain of the audit: see [`gathering_auth::Accounts::verify_audit`].
    pub async fn verify_audit(
        &self,
        expected: Option<(i64, &str)>,
        seen: impl FnMut(u64, u64),
    ) -> Result<AuditReport, Error> {
        Ok(self.accounts().verify_audit(expected, seen).await?)
    }

    /// Ends the caller's own session.
    pub async fn logout(&self, identity: &Identity) -> Result<(), Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSessions).await?;
        Ok(self.accounts.with(&proof).logout(identity).await?)
    }

    /// Ends all sessions of the caller, this one included.
    pub async fn logout_everywhere(&self, identity: &Identity) -> Result<(), Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSessions).await?;
        self.accounts.with(&proof).logout_everywhere(identity).await?;
        Ok(())
    }

    /// The open sessions of the caller, newest first.
    pub async fn sessions(&self, identity: &Identity, page: PageRequest) -> Result<Page<Session>, Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSessions).await?;
        Ok(self.accounts.with(&proof).sessions(identity, page).await?)
    }

    /// Ends one of the caller's sessions.
    pub async fn end_session(&self, identity: &Identity, id: SessionId) -> Result<(), Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSessions).await?;
        if self.accounts.with(&proof).end_session(identity, id).await? {
            return Ok(());
        }
        Err(Error::not_found(Kind::Session, id))
    }

    /// Sets a new password for the caller, who must know the present one, and ends their other sessions.
    pub async fn change_password(
        &self,
        identity: &Identity,
        current: SecretString,
        new: SecretString,
    ) -> Result<(), Error> {
        let proof = self.may_on_account(identity, AccountAction::ChangePassword).await?;
        let accounts = self.accounts.with(&proof);
        Ok(accounts.change_password(identity, current, new).await?)
    }

    /// The account of the caller.
    pub async fn me(&self, identity: &Identity) -> Result<Account, Error> {
        let proof = self.may_on_account(identity, AccountAction::ViewAccount).await?;
        Ok(self.accounts.with(&proof).me(identity.user_id).await?)
    }
}
