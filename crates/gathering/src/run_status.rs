//! The status of a run, as a word to look for.

use std::str::FromStr;

/// A status that runs can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStatus(&'static str);

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self("queued"),
        Self("running"),
        Self("waiting"),
        Self("completed"),
        Self("failed"),
        Self("cancelled"),
        Self("timed_out"),
    ];

    /// The word, as in `timed_out`.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// Not the word of any status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run is queued, running, waiting, completed, failed, cancelled or timed_out")]
pub struct UnknownStatus;

impl FromStr for RunStatus {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.0 == word)
            .ok_or(UnknownStatus)
    }
}
