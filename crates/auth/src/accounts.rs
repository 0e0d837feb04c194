//! Accounts: who has one, who opens one, who comes in, and who a request comes from.

mod account;
mod api_keys;
mod authenticate;
mod builder;
mod change_password;
mod confirming;
mod disable;
mod invitations;
mod keeping;
mod login;
mod members;
mod operator;
mod projects;
mod register;
mod revocations;
mod second_factor;
mod sessions;
mod signing_keys;
mod stats;
mod users;

use std::sync::Arc;

use gathering_domain::{Clock, Entropy};
use gathering_persistence::{Connection, Listener, Pool};
use jiff::SignedDuration;

use crate::Error;
use crate::audit::Denials;
use crate::password::PasswordHasher;
use crate::tokens::{Jwks, KeyRing, TokenRules};

pub use account::Account;
pub use api_keys::{ApiKey, MadeApiKey, NewApiKey};
pub use authenticate::{Credential, Identity};
pub use builder::{Builder, DEFAULT_SIGNING_KEY_LIFETIME};
pub use invitations::{Invitation, MadeInvitation, NewInvitation};
pub use keeping::Keeper;
pub use login::IssuedTokens;
pub use members::{Member, PutMember};
pub use operator::Operator;
pub use projects::{CreatedProject, Project};
pub use register::{PreparedAccount, Registration, RegistrationMode};
pub use second_factor::SecondFactorState;
pub use sessions::{Client, Session};
pub use signing_keys::{RotatedKey, SigningKey, signing_keys};
pub use stats::AccountStats;
pub use users::User;

/// The accounts of one database; every instance of that database accepts the tokens of the others.
#[derive(Debug)]
pub struct Accounts {
    pool: Pool,
    pub(crate) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    registration: RegistrationMode,
    hasher: PasswordHasher,
    rules: TokenRules,
    keys: KeyRing,
    session_lifetime: SignedDuration,
    signing_key_lifetime: Option<SignedDuration>,
    listener: Option<Listener>,
    revocations: revocations::Revocations,
    api_key_cache: api_keys::KeyCache,
    pub(crate) denials: Denials,
    counters: stats::Counters,
}

impl Accounts {
    /// Starts from the caller's own pool, clock and randomness; everything else has a default.
    ///
    /// Secret keys and salts are made from `entropy`: outside tests it must be fit for that.
    pub fn builder(pool: Pool, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Builder {
        Builder::new(pool, clock, entropy)
    }

    /// Whether strangers may open accounts.
    pub fn registration(&self) -> RegistrationMode {
        self.registration
    }

    /// The public keys with which others can check access tokens.
    pub fn jwks(&self) -> Jwks {
        self.keys.keys().jwks(self.clock.now())
    }

    /// Reads the signing keys from the database again.
    ///
    /// A token signed with an unknown key does this by itself; a caller that has changed the keys need not wait for one.
    pub async fn reload_keys(&self) -> Result<(), Error> {
        self.keys.reload().await
    }

    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        Ok(self.pool.get().await.map_err(gathering_persistence::Error::from)?)
    }
}
