//! Hashes and compares passwords off the async threads, with the same work for those who do not exist.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use gathering_domain::Entropy;
use gathering_domain::measure::Counter;
use gathering_persistence::Safety;
use gathering_persistence::users::PasswordHash;
use secrecy::{ExposeSecret, SecretString};

use super::hash::{self, HashError, HashParameters, SALT_BYTES};
use super::threads::{NotDone, Threads};
use crate::Error;

/// About a second's work.
const QUEUED_PER_THREAD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);
/// A full queue is worked off in about this time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How many passwords are hashed at once, how many may wait, and how much work each is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashingOptions {
    /// Threads, each of which needs the parameters' memory while it works; default one for every core but one.
    pub threads: NonZeroUsize,
    /// How many passwords may wait for a thread before more are refused; default 64 per thread.
    pub queue: NonZeroUsize,
    /// The work of one hash.
    pub parameters: HashParameters,
}

impl Default for HashingOptions {
    fn default() -> Self {
        // One core is left to everybody else: where all of them hash, the others' answers take ten times as long.
        let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = NonZeroUsize::new(cores.get() - 1).unwrap_or(NonZeroUsize::MIN);
        Self {
            threads,
            queue: threads.saturating_mul(QUEUED_PER_THREAD),
            parameters: HashParameters::default(),
        }
    }
}

/// Hashes and compares passwords on threads of its own.
#[derive(Debug)]
pub(crate) struct PasswordHasher {
    threads: Threads,
    parameters: HashParameters,
    decoy: Arc<PasswordHash>,
    entropy: Arc<dyn Entropy>,
    count: usize,
    refused: Counter,
}

/// What the threads that hash passwords have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingStats {
    /// How many there are.
    pub threads: usize,
    /// How many of them work.
    pub busy: usize,
    /// How many passwords wait for one.
    pub waiting: usize,
    /// How many were refused because too many waited.
    pub refused: u64,
}

impl PasswordHasher {
    /// What the threads have to do.
    pub(crate) fn stats(&self) -> HashingStats {
        let (waiting, busy) = self.threads.load().read();
        HashingStats {
            threads: self.count,
            busy,
            waiting,
            refused: self.refused.get(),
        }
    }

    /// Starts the threads.
    pub(crate) fn start(options: &HashingOptions, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let parameters = options.parameters;
        hash::argon2id(parameters)?;
        let threads =
            Threads::start(options.threads.get(), options.queue.get(), hash::give_back).map_err(Error::Threads)?;
        let decoy = Arc::new(hash::decoy(parameters, &*entropy));
        Ok(Self {
            threads,
            parameters,
            decoy,
            entropy,
            count: options.threads.get(),
            refused: Counter::default(),
        })
    }

    /// Hashes a password with a fresh salt.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<PasswordHash, Error> {
        let parameters = self.parameters;
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt);
        self.run(move || hash::hash(parameters, password.expose_secret(), &salt))
            .await
    }

    /// Whether the password is the stored one. Where none is stored, the same work leads to no.
    pub(crate) async fn matches(&self, password: SecretString, stored: Option<&PasswordHash>) -> Result<bool, Error> {
        let exists = stored.is_some();
        if !exists && Safety::DecoyHash.is_off() {
            return Ok(false);
        }
        let stored = stored.cloned().map_or_else(|| Arc::clone(&self.decoy), Arc::new);
        let matches = self
            .run(move || hash::matches(password.expose_secret(), &stored))
            .await?;
        Ok(matches && exists)
    }

    /// Whether the stored hash took less work than one made today.
    pub(crate) fn is_outdated(&self, stored: &PasswordHash) -> bool {
        hash::is_outdated(self.parameters, stored)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, Error> {
        match self.threads.run(work).await {
            Ok(outcome) => Ok(outcome?),
            Err(NotDone::Full) => {
                self.refused.one();
                Err(Error::Busy {
                    retry_after: RETRY_AFTER,
                })
            }
            Err(NotDone::Stopped) => Err(HashError::Stopped.into()),
        }
    }
}
