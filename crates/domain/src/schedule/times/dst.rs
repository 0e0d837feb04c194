//! What becomes of times that a clock leaves out or shows twice.

/// What a schedule does where clocks are put forward and back.
///
/// It goes for every time that a pattern names, whether as a single value, in a list, in a range or by a step: with [`Fold::First`], `*/30 * * * *` is
/// due twice in the hour that comes twice, and not four times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Dst {
    /// Where they are put forward.
    pub gap: Gap,
    /// Where they are put back.
    pub fold: Fold,
}

/// A due time that the clocks never show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Gap {
    /// Is left out.
    Skip,
    /// Comes at the first moment after the gap; several become one.
    #[default]
    Shift,
}

/// A due time that the clocks show twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fold {
    /// Comes the first time.
    #[default]
    First,
    /// Comes the second time.
    Second,
    /// Comes both times.
    Both,
}
