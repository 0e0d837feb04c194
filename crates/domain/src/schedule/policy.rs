//! What a schedule does when it is late, and when the one before has not ended.

use std::time::Duration;

/// What becomes of due times that were missed: nobody looked at them until their grace was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfire {
    /// Which of them are made up for.
    pub policy: MisfirePolicy,
    /// How far back; what was due before stays missed. Default 1 day.
    pub window: Duration,
    /// Of [`MisfirePolicy::FireAll`], how many at most, the last ones. Default 100, at most [`Misfire::MOST`].
    pub max: u32,
    /// How late a due time may be looked at without being missed. Default 5 s.
    pub grace: Duration,
}

impl Misfire {
    /// The most that are made up for at once.
    pub const MOST: u32 = 1_000;
}

impl Default for Misfire {
    fn default() -> Self {
        Self {
            policy: MisfirePolicy::FireOnce,
            window: Duration::from_hours(24),
            max: 100,
            grace: Duration::from_secs(5),
        }
    }
}

/// Which missed due times are made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MisfirePolicy {
    /// None.
    Skip,
    /// The last one.
    #[default]
    FireOnce,
    /// As many as [`Misfire::max`] says, the last ones, in their order. Unless they may overlap they wait for each other.
    FireAll,
}

impl MisfirePolicy {
    pub(super) const WORDS: &'static [(&'static str, Self)] = &[
        ("skip", Self::Skip),
        ("fire_once", Self::FireOnce),
        ("fire_all", Self::FireAll),
    ];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::FireOnce => "fire_once",
            Self::FireAll => "fire_all",
        }
    }
}

/// What a due time does while an earlier firing of its schedule has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It fires all the same.
    #[default]
    Allow,
    /// It is skipped.
    Skip,
    /// It waits, if none waits yet; else it is skipped.
    BufferOne,
    /// It waits, up to [`MAX_BUFFERED`](super::MAX_BUFFERED) of them.
    BufferAll,
    /// It fires, and the earlier ones are cancelled.
    CancelPrevious,
}

impl Overlap {
    pub(super) const WORDS: &'static [(&'static str, Self)] = &[
        ("allow", Self::Allow),
        ("skip", Self::Skip),
        ("buffer_one", Self::BufferOne),
        ("buffer_all", Self::BufferAll),
        ("cancel_previous", Self::CancelPrevious),
    ];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::BufferOne => "buffer_one",
            Self::BufferAll => "buffer_all",
            Self::CancelPrevious => "cancel_previous",
        }
    }
}
