//! What becomes of times that a clock leaves out or shows twice.

/// What a schedule does where clocks are put forward and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dst {
    /// Where they are put forward.
    pub gap: Gap,
    /// Where they are put back.
    pub fold: Fold,
}

/// A due time that the clocks never show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gap {
    /// Is left out.
    Skip,
    /// Comes at the first moment after the gap; several become one.
    #[default]
    Shift,
}

/// A due time that the clocks show twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fold {
    /// Comes the first time.
    #[default]
    First,
    /// Comes the second time.
    Second,
    /// Comes both times.
    Both,
}
