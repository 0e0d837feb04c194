//! How accounts are set up.

use std::sync::Arc;
use std::time::Duration;

use gathering_domain::{Clock, Entropy};
use gathering_persistence::{ConnectOptions, Listener, Pool, sessions};
use jiff::SignedDuration;

use super::api_keys::KeyCache;
use super::revocations::Revocations;
use super::{Accounts, RegistrationMode};
use crate::Error;
use crate::password::{HashingOptions, PasswordHasher};
use crate::tokens::{KeyRing, MAX_LIFETIME, TokenRules};

const MAX_NAME_BYTES: usize = 200;
/// How long a session lasts that is refreshed all the time, and how long it may be made to.
const DEFAULT_SESSION: Duration = Duration::from_hours(24 * 30);
const LEAST_SESSION: Duration = Duration::from_mins(1);
const LONGEST_SESSION: Duration = Duration::from_hours(24 * 366);
/// How long a key signs where nobody says otherwise: 90 days.
pub const DEFAULT_SIGNING_KEY_LIFETIME: Duration = Duration::from_hours(24 * 90);
/// And how long it may be made to.
const LEAST_KEY: Duration = Duration::from_hours(1);
const LONGEST_KEY: Duration = Duration::from_hours(24 * 3650);

/// Settings of [`Accounts`], each with its default.
#[derive(Debug)]
#[must_use = "nothing happens until `build` is awaited"]
pub struct Builder {
    pool: Pool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    registration: RegistrationMode,
    hashing: HashingOptions,
    issuer: String,
    audience: String,
    lifetime: Duration,
    session_lifetime: Duration,
    signing_key_lifetime: Option<Duration>,
    listener: Option<Listener>,
}

impl Builder {
    pub(super) fn new(pool: Pool, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            pool,
            clock,
            entropy,
            registration: RegistrationMode::Closed,
            hashing: HashingOptions::default(),
            issuer: "gathering".to_owned(),
            audience: "gathering".to_owned(),
            lifetime: MAX_LIFETIME.unsigned_abs(),
            session_lifetime: DEFAULT_SESSION,
            signing_key_lifetime: Some(DEFAULT_SIGNING_KEY_LIFETIME),
            listener: None,
        }
    }

    /// Who may open an account. Default: nobody.
    pub fn registration(mut self, mode: RegistrationMode) -> Self {
        self.registration = mode;
        self
    }

    /// Threads, queue and work of password hashing. Default: see [`HashingOptions`].
    pub fn hashing(mut self, options: HashingOptions) -> Self {
        self.hashing = options;
        self
    }

    /// The `iss` of access tokens, the same on every instance of a database. Default `gathering`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// The `aud` of access tokens, the same on every instance of a database. Default `gathering`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// How long an access token lives: 1 second to 15 minutes, in whole seconds. Default 15 minutes.
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How long a session lasts at most, however often it is refreshed: 1 minute to 366 days. Default 30 days.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.session_lifetime = lifetime;
        self
    }

    /// How long a key signs before [`Accounts::start`] sees to the next one: 1 hour to 3,650 days; `None` for as long as nobody else does. Default 90
    /// days. Where instances differ, the shortest counts.
    pub fn signing_key_lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.signing_key_lifetime = lifetime;
        self
    }

    /// Where to listen for the ends of sessions on other instances, on a connection beside the pool's. Without it, [`Accounts::start`] asks for
    /// them 20 times a second.
    pub fn listen(mut self, database: ConnectOptions) -> Self {
        self.listener = Some(Listener::new(database, sessions::ENDED));
        self
    }

    /// Starts the hashing threads and reads the signing keys; the first instance of a database makes the first key.
    pub async fn build(self) -> Result<Accounts, Error> {
        let lifetime = checked_lifetime(self.lifetime)?;
        let session_lifetime = checked_session(self.session_lifetime)?;
        let signing_key_lifetime = self.signing_key_lifetime.map(checked_key).transpose()?;
        checked_name("issuer", &self.issuer)?;
        checked_name("audience", &self.audience)?;
        let hasher = PasswordHasher::start(&self.hashing, Arc::clone(&self.entropy))?;
        let rules = TokenRules::new(self.issuer, self.audience, lifetime);
        let keys = KeyRing::open(self.pool.clone(), Arc::clone(&self.clock), &*self.entropy).await?;
        let Self {
            pool,
            clock,
            entropy,
            registration,
            listener,
            ..
        } = self;
        Ok(Accounts {
            pool,
            clock,
            entropy,
            registration,
            hasher,
            rules,
            keys,
            session_lifetime,
            signing_key_lifetime,
            listener,
            revocations: Revocations::default(),
            api_key_cache: KeyCache::new(),
            denials: crate::audit::Denials::default(),
            counters: super::stats::Counters::default(),
        })
    }
}

fn checked_lifetime(lifetime: Duration) -> Result<SignedDuration, Error> {
    let (least, most) = (Duration::from_secs(1), MAX_LIFETIME.unsigned_abs());
    if lifetime < least || lifetime > most || lifetime.subsec_nanos() != 0 {
        let message = format!(
            "{lifetime:?}, but an access token lives 1 s to {} s, in whole seconds",
            most.as_secs()
        );
        return Err(Error::Setting {
            setting: "access_token_lifetime",
            message,
        });
    }
    Ok(SignedDuration::try_from(lifetime).unwrap_or(MAX_LIFETIME))
}

fn checked_session(lifetime: Duration) -> Result<SignedDuration, Error> {
    if !(LEAST_SESSION..=LONGEST_SESSION).contains(&lifetime) {
        return Err(Error::Setting {
            setting: "session_lifetime",
            message: format!("{lifetime:?}, but a session lasts 1 minute to 366 days"),
        });
    }
    Ok(SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX))
}

fn checked_key(lifetime: Duration) -> Result<SignedDuration, Error> {
    if !(LEAST_KEY..=LONGEST_KEY).contains(&lifetime) {
        return Err(Error::Setting {
            setting: "signing_key_lifetime",
            message: format!("{lifetime:?}, but a key signs for 1 hour to 3,650 days"),
        });
    }
    Ok(SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX))
}

fn checked_name(setting: &'static str, name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        let message = format!("{} bytes long, but 1 to {MAX_NAME_BYTES} are accepted", name.len());
        return Err(Error::Setting { setting, message });
    }
    Ok(())
}
