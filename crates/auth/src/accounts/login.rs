//! Coming in: unknown address, wrong password and disabled user take the same work and get the same answer.

use gathering_persistence::users::{self, Credentials};
use secrecy::SecretString;

use super::{Accounts, Client};
use crate::Error;
use crate::audit::{Action, Event};
use crate::email::EmailAddress;
use crate::password::normalized;

/// What a login gives.
#[derive(Debug, Clone)]
pub struct IssuedTokens {
    /// The JWT for `Authorization: Bearer`.
    pub access_token: SecretString,
    /// How it is sent: always `Bearer`.
    pub token_type: &'static str,
    /// How long it lives, in seconds.
    pub expires_in: u64,
    /// What [`Accounts::refresh`] exchanges for the next two.
    pub refresh_token: SecretString,
}

impl Accounts {
    /// Opens a session for the user of this address and password.
    pub async fn login(&self, email: &str, password: SecretString) -> Result<IssuedTokens, Error> {
        self.login_from(email, password, &Client::default()).await
    }

    /// The same, with what the user is to recognise the session by.
    pub async fn login_from(
        &self,
        email: &str,
        password: SecretString,
        client: &Client,
    ) -> Result<IssuedTokens, Error> {
        self.login_with_code(email, password, None, client).await
    }

    /// The same, with a code of the user's second factor or a recovery code. Where the user has none it is not looked at.
    ///
    /// Whether there is a second factor is asked when the password is known to be right, and not before: until then the work and the answer are
    /// the same for all, whether or not a code was sent.
    pub async fn login_with_code(
        &self,
        email: &str,
        password: SecretString,
        code: Option<SecretString>,
        client: &Client,
    ) -> Result<IssuedTokens, Error> {
        let outcome = self.try_login(email, password, code, client).await;
        self.counters.login(&outcome);
        outcome
    }

    async fn try_login(
        &self,
        email: &str,
        password: SecretString,
        code: Option<SecretString>,
        client: &Client,
    ) -> Result<IssuedTokens, Error> {
        let password = normalized(password);
        let known = self.credentials(email).await?;
        let stored = known.as_ref().map(|user| &user.password_hash);
        let matches = self.hasher.matches(password.clone(), stored).await?;
        let Some(user) = admitted(known, matches) else {
            self.note_failed(email, client).await?;
            return Err(Error::InvalidCredentials);
        };
        let Some(tokens) = self.open_session(&user, code.as_ref(), client).await? else {
            // The password was changed, or the user disabled, while it was compared.
            self.note_failed(email, client).await?;
            return Err(Error::InvalidCredentials);
        };
        if self.hasher.is_outdated(&user.password_hash) {
            self.rehash(&user, password).await;
        }
        Ok(tokens)
    }

    /// The same whoever was refused, and why. What is no address may be a password that was typed into the wrong field.
    async fn note_failed(&self, email: &str, client: &Client) -> Result<(), Error> {
        let event = Event::failed(Action::Login);
        let event = match EmailAddress::parse(email) {
            Ok(address) => event.to(address.as_str()),
            Err(_) => event.saying("what was given is no address"),
        };
        self.note(event, client).await
    }

    /// What the database has for an address. For what is no address it has nothing, and need not be asked.
    async fn credentials(&self, email: &str) -> Result<Option<Credentials>, Error> {
        let Ok(email) = EmailAddress::parse(email) else {
            return Ok(None);
        };
        let connection = self.connection().await?;
        Ok(users::credentials(&connection, email.key()).await?)
    }

    /// Stores a hash with today's parameters. The login has succeeded, and does so also where this fails: the next one tries again.
    async fn rehash(&self, user: &Credentials, password: SecretString) {
        match self.try_rehash(user, password).await {
            Ok(()) => tracing::info!(user_id = %user.id, "password hashed again"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(user_id = %user.id, error, "password not hashed again");
            }
        }
    }

    async fn try_rehash(&self, user: &Credentials, password: SecretString) -> Result<(), Error> {
        let new = self.hasher.hash(password).await?;
        let connection = self.connection().await?;
        // If the password was changed meanwhile, the newer hash stays.
        users::replace_password_hash(&connection, user.id, &user.password_hash, &new).await?;
        Ok(())
    }
}

/// The user who may come in. Which of the three reasons refused the others is nobody's business, the log's included.
fn admitted(known: Option<Credentials>, matches: bool) -> Option<Credentials> {
    known.filter(|user| matches && user.disabled_at.is_none())
}
