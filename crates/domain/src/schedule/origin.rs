//! Why a firing is there.

use std::str::FromStr;

/// Why a firing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its time came.
    Schedule,
    /// Somebody asked for it now.
    Trigger,
    /// Somebody asked for a time that had passed.
    Backfill,
}

/// A word that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin of a firing")]
pub struct UnknownOrigin(String);

impl Origin {
    /// Its name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Trigger => "trigger",
            Self::Backfill => "backfill",
        }
    }
}

impl FromStr for Origin {
    type Err = UnknownOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "schedule" => Ok(Self::Schedule),
            "trigger" => Ok(Self::Trigger),
            "backfill" => Ok(Self::Backfill),
            _ => Err(UnknownOrigin(text.to_owned())),
        }
    }
}
