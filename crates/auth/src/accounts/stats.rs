//! What accounts have done, in numbers.

use gathering_domain::measure::Counter;

use super::Accounts;
use crate::Error;
use crate::password::HashingStats;

/// What these accounts have done since they were built, and what they have at hand now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountStats {
    /// Logins that opened a session.
    pub logins: u64,
    /// Logins that were refused: unknown, wrong or disabled.
    pub logins_refused: u64,
    /// Logins that nobody was asked about, because the database or the hashing threads could not be had.
    pub logins_failed: u64,
    /// Rows that were written to the audit.
    pub audit_rows: u64,
    /// The threads that hash passwords.
    pub hashing: HashingStats,
}

/// What is counted on the way.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    logins: Counter,
    logins_refused: Counter,
    logins_failed: Counter,
    pub(crate) audit_rows: Counter,
}

impl Counters {
    pub(super) fn login<T>(&self, outcome: &Result<T, Error>) {
        match outcome {
            Ok(_) => self.logins.one(),
            Err(Error::InvalidCredentials) => self.logins_refused.one(),
            Err(_) => self.logins_failed.one(),
        }
    }
}

impl Accounts {
    /// What they have done and have at hand; this reads numbers from memory only.
    pub fn stats(&self) -> AccountStats {
        AccountStats {
            logins: self.counters.logins.get(),
            logins_refused: self.counters.logins_refused.get(),
            logins_failed: self.counters.logins_failed.get(),
            audit_rows: self.counters.audit_rows.get(),
            hashing: self.hasher.stats(),
        }
    }
}
