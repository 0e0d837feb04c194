//! How nodes that are suspected of killing their processes are tried: in groups, the next one an eighth of that under which a process died,
//! until the node that does it stands alone.

/// The most nodes that are tried together.
///
/// More would make a trial of many slow nodes shorter, but their killer harder to find.
pub const MAX_TOGETHER: u32 = 64;

/// By how much a group shrinks after a death. Of 64 nodes the killer is found with two deaths that convict nobody, and one that does. Halving
/// would take six processes along instead of two, to try the innocent ones in fewer turns.
const SHRINKS: u32 = 8;

/// How far a node is suspected of killing the processes that run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// No process died under it.
    None,
    /// It was under way when a process died, perhaps beside the node that did it.
    Slight,
    /// One more death may put it into quarantine, so it is tried apart from all that are not tried with it.
    Strong {
        /// The most nodes that it may be tried together with, itself included; from 1 to [`MAX_TOGETHER`].
        at_most: u32,
    },
}

/// What the deaths of processes say about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspect {
    deaths: u32,
    at_most: u32,
}

/// What the suspects that are under way in a process are there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnderWay {
    /// None is.
    Nobody,
    /// Those under which a process died, but which are not on trial.
    Beside,
    /// A group on trial.
    Group,
}

impl Default for Suspect {
    fn default() -> Self {
        Self {
            deaths: 0,
            at_most: MAX_TOGETHER,
        }
    }
}

impl Suspect {
    /// A process died under it, while it was on trial together with so many, itself included; `None` when it was not on trial.
    #[must_use]
    pub fn lost(self, together: Option<u32>) -> Self {
        Self {
            deaths: self.deaths.saturating_add(1),
            at_most: together.map_or(self.at_most, |together| (together / SHRINKS).clamp(1, self.at_most)),
        }
    }

    /// How many processes died under it.
    pub fn deaths(self) -> u32 {
        self.deaths
    }

    /// How far it is suspected, where `limit` deaths put a node into quarantine.
    ///
    /// Even with a limit of 1 the first death alone does not: who is merely beside a node that kills would go with it.
    pub fn suspicion(self, limit: u32) -> Suspicion {
        match self.deaths {
            0 => Suspicion::None,
            deaths if deaths >= limit.saturating_sub(1) => Suspicion::Strong { at_most: self.at_most },
            _ => Suspicion::Slight,
        }
    }
}

/// Whether a death puts a node into quarantine, the last of so many: only one that can speak against no other suspect does.
pub fn convicts(deaths: u32, limit: u32, together: Option<u32>) -> bool {
    deaths >= limit && together == Some(1)
}

/// Which of those that wait start now, by their places in the order in which they came; none when it is nobody's turn.
///
/// The first one decides whose turn it is, and all of its kind that wait come with it: either the suspects that are not on trial, or a
/// group. So neither waits for more than one turn of the others, and one that comes later joins no group that is under way.
pub fn next_turn(under_way: UnderWay, waiting: impl Iterator<Item = Suspicion> + Clone) -> Vec<usize> {
    match (under_way, waiting.clone().next()) {
        (_, None) | (UnderWay::Group, _) | (UnderWay::Beside, Some(Suspicion::Strong { .. })) => Vec::new(),
        (UnderWay::Nobody, Some(Suspicion::Strong { at_most })) => group(at_most, &waiting),
        (UnderWay::Nobody | UnderWay::Beside, Some(Suspicion::None | Suspicion::Slight)) => {
            let beside = waiting.enumerate().filter(|(_, suspicion)| bound(*suspicion).is_none());
            beside.map(|(place, _)| place).collect()
        }
    }
}

/// The largest group with the first one in which nobody is with more than may be.
fn group(first: u32, waiting: &(impl Iterator<Item = Suspicion> + Clone)) -> Vec<usize> {
    let fitting = |size: u32| {
        let fits = move |suspicion| bound(suspicion).is_some_and(|at_most| at_most >= size);
        let places = waiting.clone().enumerate().filter(move |(_, one)| fits(*one));
        places.map(|(place, _)| place).take(size as usize)
    };
    let size = (1..=first).rev().find(|size| fitting(*size).count() == *size as usize);
    fitting(size.unwrap_or(1)).collect()
}

/// How many may be tried together with it, if it is to be tried.
fn bound(suspicion: Suspicion) -> Option<u32> {
    match suspicion {
        Suspicion::Strong { at_most } => Some(at_most.max(1)),
        Suspicion::None | Suspicion::Slight => None,
    }
}
