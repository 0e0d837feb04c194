//! The status of a node within a run, as a word.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The status of a node within a run, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(rename_all = "snake_case"))]
pub enum NodeStatus {
    /// Its turn has not come.
    Pending,
    /// An attempt is under way.
    Running,
    /// An attempt failed, the next one is due later.
    Retrying,
    /// A delay is under way, or a circuit breaker holds it back.
    Waiting,
    /// Processes died under it; it rests until somebody decides.
    Quarantined,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Never ran.
    Skipped,
    /// The run ended first.
    Cancelled,
    /// Ended because its last attempt took too long.
    TimedOut,
}

/// Not the word of any status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a node is pending, running, retrying, waiting, quarantined, completed, failed, skipped, cancelled or timed_out"
)]
pub struct UnknownNodeStatus;

impl NodeStatus {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Running,
        Self::Retrying,
        Self::Waiting,
        Self::Quarantined,
        Self::Completed,
        Self::Failed,
        Self::Skipped,
        Self::Cancelled,
        Self::TimedOut,
    ];

    /// The word, as in `timed_out`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Waiting => "waiting",
            Self::Quarantined => "quarantined",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }

    /// Whether it is final.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Running | Self::Retrying | Self::Waiting | Self::Quarantined => false,
            Self::Completed | Self::Failed | Self::Skipped | Self::Cancelled | Self::TimedOut => true,
        }
    }
}

impl FromStr for NodeStatus {
    type Err = UnknownNodeStatus;

    fn from_str(word: &str) -> Result<Self, UnknownNodeStatus> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == word);
        found.ok_or(UnknownNodeStatus)
    }
}

impl fmt::Display for NodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `status == "completed"`: it compares with the word itself.
impl PartialEq<str> for NodeStatus {
    fn eq(&self, word: &str) -> bool {
        self.as_str() == word
    }
}

impl PartialEq<&str> for NodeStatus {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

impl Serialize for NodeStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
