//! One thing that a check found: which rule, where, what, and the way out.

use std::fmt;

/// A broken rule, or something worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The rule's name.
    pub(super) rule: &'static str,
    /// The file, with its line where there is one, from the root of the checkout.
    pub(super) place: String,
    /// What is there and should not be, or the other way round.
    pub(super) problem: String,
    /// What to do about it.
    pub(super) way_out: String,
}

impl Finding {
    /// A finding with all its four parts.
    pub(super) fn new(
        rule: &'static str,
        place: impl Into<String>,
        problem: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            place: place.into(),
            problem: problem.into(),
            way_out: way_out.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} [{}] {}\n    way out: {}",
            self.place, self.rule, self.problem, self.way_out
        )
    }
}
