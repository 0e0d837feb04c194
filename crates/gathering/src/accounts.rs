//! Use cases of accounts: open one, log in, find out who asks.

use gathering_auth::{Account, Identity, IssuedTokens};
use secrecy::SecretString;

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
}

impl Gathering {
    /// Opens an account with a project of its own. Says nothing about whether the address had one.
    pub async fn register(&self, account: NewAccount) -> Result<(), Error> {
        let NewAccount { email, password, name } = account;
        Ok(self.accounts.register(&email, password, name.as_deref()).await?)
    }

    /// Opens a session for the user of this address and password.
    pub async fn login(&self, email: &str, password: SecretString) -> Result<IssuedTokens, Error> {
        Ok(self.accounts.login(email, password).await?)
    }

    /// Who a request comes from, as its access token says. Runs no query.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Error> {
        Ok(self.accounts.authenticate(token).await?)
    }

    /// The account of the caller.
    pub async fn me(&self, identity: &Identity) -> Result<Account, Error> {
        Ok(self.accounts.me(identity.user_id).await?)
    }
}
