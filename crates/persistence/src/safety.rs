//! The safeties that verifications switch off, one at a time, to see that they would notice.
//!
//! Only with the cargo feature `without-safeties`, which no product is built with: without it, [`Safety::is_off`] is a constant.

/// One of the rules that keep runs whole while processes die, pause and come back, and strangers in the dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// An append counts only under the present owner and epoch, and an entry is taken for one's own only if it has one's epoch.
    EpochCheck,
    /// The writer of an entry names its number. Without: the database gives it the next one that is free.
    CompareAndAppend,
    /// An attempt starts only when what it reads is durable. Without: it is appended while the attempt is under way.
    DurableBeforeEffect,
    /// A password is hashed also where there is none to compare it with. Without: an unknown address is refused at once.
    DecoyHash,
}

/// Names the safety that this process is to work without.
#[cfg(feature = "without-safeties")]
const VARIABLE: &str = "WITHOUT_SAFETY";

impl Safety {
    /// Those of runs, in the order of their names.
    pub const ALL: [Self; 3] = [Self::CompareAndAppend, Self::DurableBeforeEffect, Self::EpochCheck];

    /// What it is called where one is chosen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EpochCheck => "epoch_check",
            Self::CompareAndAppend => "compare_and_append",
            Self::DurableBeforeEffect => "durable_before_effect",
            Self::DecoyHash => "decoy_hash",
        }
    }

    /// Never.
    #[cfg(not(feature = "without-safeties"))]
    pub const fn is_off(self) -> bool {
        false
    }

    /// Whether this process works without it; decided when it is first asked, by the variable `WITHOUT_SAFETY`.
    #[cfg(feature = "without-safeties")]
    pub fn is_off(self) -> bool {
        static OFF: std::sync::OnceLock<Option<Safety>> = std::sync::OnceLock::new();
        *OFF.get_or_init(chosen) == Some(self)
    }
}

#[cfg(feature = "without-safeties")]
fn chosen() -> Option<Safety> {
    let name = std::env::var(VARIABLE).ok()?;
    let mut all = Safety::ALL.into_iter().chain([Safety::DecoyHash]);
    let found = all.find(|safety| safety.name() == name);
    if found.is_some() {
        tracing::error!(
            safety = name,
            "THIS PROCESS WORKS WITHOUT A SAFETY: it will lose and double work, or tell strangers who has an account"
        );
    } else {
        tracing::error!(name, "there is no such safety; none is switched off");
    }
    found
}
