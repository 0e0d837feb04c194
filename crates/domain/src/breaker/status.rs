//! The status of a breaker, as it is stored and shown.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The status of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BreakerStatus {
    /// Calls go through.
    Closed,
    /// Calls are held back.
    Open,
    /// One call goes through, to see.
    HalfOpen,
}

/// Not the word of any status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a breaker is closed, open or half_open")]
pub struct UnknownBreakerStatus;

impl BreakerStatus {
    const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl FromStr for BreakerStatus {
    type Err = UnknownBreakerStatus;

    fn from_str(word: &str) -> Result<Self, UnknownBreakerStatus> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == word);
        known.ok_or(UnknownBreakerStatus)
    }
}

impl fmt::Display for BreakerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
