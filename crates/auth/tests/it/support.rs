//! What every test here starts from: a database of its own, a clock moved by hand, and accounts with cheap hashes.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gathering_auth::{Accounts, Builder, Error, HashParameters, HashingOptions, Identity, RegistrationMode};
use gathering_domain::Clock as _;
use gathering_persistence::{Connection, PageRequest, Pool};
use gathering_testkit::{ManualClock, SeededEntropy, TestDatabase};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

pub(crate) const EMAIL: &str = "Ada@Example.org";
pub(crate) const PASSWORD: &str = "a few unrelated words";

/// The least work that argon2 allows: these tests are not about hashing.
pub(crate) const CHEAP: HashParameters = HashParameters {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

pub(crate) struct Bench {
    pub(crate) pool: Pool,
    pub(crate) clock: Arc<ManualClock>,
    seed: u64,
    _database: TestDatabase,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let pool = database.pool().await;
        Self {
            pool,
            clock: Arc::new(ManualClock::default()),
            seed: 7,
            _database: database,
        }
    }

    /// Accounts as one instance has them; `instance` seeds its randomness.
    pub(crate) fn builder(&self, instance: u64) -> Builder {
        let entropy = SeededEntropy::new(self.seed + instance);
        Accounts::builder(self.pool.clone(), self.clock.clone(), Arc::new(entropy))
            .registration(RegistrationMode::Open)
            .hashing(hashing(CHEAP))
    }

    pub(crate) async fn instance(&self, instance: u64) -> Accounts {
        self.builder(instance).build().await.unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn connection(&self) -> Connection {
        self.pool.get().await.unwrap()
    }

    /// Runs SQL that stands in for what an administrator or a later release does.
    pub(crate) async fn execute(&self, sql: &str) {
        self.connection().await.batch_execute(sql).await.unwrap();
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.connection().await.query_one(&sql, &[]).await.unwrap().get(0)
    }
}

pub(crate) fn hashing(parameters: HashParameters) -> HashingOptions {
    HashingOptions {
        threads: NonZeroUsize::MIN,
        parameters,
        ..HashingOptions::default()
    }
}

pub(crate) fn password() -> SecretString {
    PASSWORD.into()
}

pub(crate) async fn register(accounts: &Accounts) {
    accounts.register(EMAIL, password(), Some("Ada")).await.unwrap();
}

/// The token of a fresh login.
pub(crate) async fn token(accounts: &Accounts) -> String {
    accounts
        .login(EMAIL, password())
        .await
        .unwrap()
        .access_token
        .expose_secret()
        .to_owned()
}

/// Who the user is, as a fresh login says.
pub(crate) async fn log_in(accounts: &Accounts) -> Result<Identity, Error> {
    accounts.authenticate(&token(accounts).await).await
}

/// Somebody else, logged in.
pub(crate) async fn somebody(accounts: &Accounts, email: &str) -> Identity {
    accounts.register(email, password(), None).await.unwrap();
    let tokens = accounts.login(email, password()).await.unwrap();
    accounts
        .authenticate(tokens.access_token.expose_secret())
        .await
        .unwrap()
}

/// The first page, long enough for every test.
pub(crate) fn first_page() -> PageRequest {
    PageRequest {
        limit: 100,
        after: None,
    }
}

/// The fields and codes of what was wrong; nothing where it was something else.
pub(crate) fn problems<T>(outcome: &Result<T, Error>) -> Vec<(&'static str, &'static str)> {
    match outcome {
        Err(Error::Invalid { problems }) => problems.iter().map(|one| (one.field, one.code)).collect(),
        Ok(_) | Err(_) => Vec::new(),
    }
}
