//! Whose turn it is while more is due than one look takes, so that no project's backlog makes the others wait.
//!
//! A look that is full is a part of a backlog. The projects that had a large part of it have had their turn: the next look takes first what is due of all others,
//! and only then, if it has room, whatever waits longest. When nothing is left of the others, everybody's turn comes again: a round is over. As long as looks are
//! not full, nothing is remembered, and nobody has a turn.

use std::collections::{HashMap, HashSet};

use crate::ProjectId;

/// The most projects that have had their turn at a time. Where more have a backlog the round ends, and the next look takes whatever waits longest.
pub const MAX_SERVED: usize = 500;

/// The projects that have had their turn in this round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Turns {
    served: Vec<ProjectId>,
}

/// What one look takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Turn {
    /// The projects of which it takes something only if there is room when all others have been served. Where there are none it takes whatever waits longest.
    pub last: Vec<ProjectId>,
}

/// What a look found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The project of each schedule that was looked at because it was its turn, not because there was room.
    pub projects: &'a [ProjectId],
    /// Whether more of them may be due.
    pub more_in_turn: bool,
    /// Whether more of anybody may be due.
    pub more: bool,
}

impl Turns {
    /// Gives the next look its turn. Whoever looks at the same time, and whoever comes after one that was given up, takes whatever waits longest: so a round that is
    /// not told of ends.
    #[must_use]
    pub fn take(&mut self) -> Turn {
        Turn {
            last: std::mem::take(&mut self.served),
        }
    }

    /// Learns what became of a turn.
    pub fn looked(&mut self, turn: &Turn, found: Found<'_>) {
        if !found.more {
            self.served.clear();
            return;
        }
        let bound = turn.last.len() >= MAX_SERVED;
        if !found.more_in_turn || bound {
            // All others have been served, or nobody else can be told apart: the round is over.
            return;
        }
        let mut known: HashSet<ProjectId> = self.served.iter().copied().collect();
        let served = turn.last.iter().copied().chain(greatest(found.projects));
        let new = served.filter(|project| known.insert(*project));
        self.served.extend(new);
        self.served.truncate(MAX_SERVED);
    }
}

/// The projects that had at least as much as the projects had on average: at least one. Those that had most come first.
fn greatest(projects: &[ProjectId]) -> impl Iterator<Item = ProjectId> {
    let mut counts: HashMap<ProjectId, usize> = HashMap::new();
    for project in projects {
        *counts.entry(*project).or_default() += 1;
    }
    let (all, each) = (projects.len(), counts.len());
    let mut greatest: Vec<_> = counts.into_iter().filter(|(_, count)| count * each >= all).collect();
    greatest.sort_unstable_by_key(|(project, count)| (std::cmp::Reverse(*count), *project));
    greatest.into_iter().map(|(project, _)| project)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn project(number: u128) -> ProjectId {
        Uuid::from_u128(number).into()
    }

    /// Of each of these projects so many schedules.
    fn rows(of: &[(u128, usize)]) -> Vec<ProjectId> {
        of.iter()
            .flat_map(|(number, count)| vec![project(*number); *count])
            .collect()
    }

    fn full(projects: &[ProjectId]) -> Found<'_> {
        Found {
            projects,
            more_in_turn: true,
            more: true,
        }
    }

    /// A look that had room for those who have had their turn.
    fn with_room(projects: &[ProjectId]) -> Found<'_> {
        Found {
            more_in_turn: false,
            ..full(projects)
        }
    }

    #[test]
    fn looks_that_are_not_full_leave_nobody_to_the_end() {
        let mut turns = Turns::default();
        let turn = turns.take();
        let found = Found {
            projects: &rows(&[(1, 99)]),
            more_in_turn: false,
            more: false,
        };
        turns.looked(&turn, found);
        assert_eq!(turns, Turns::default());
    }

    #[test]
    fn the_project_of_a_backlog_comes_last_in_every_other_look() {
        let mut turns = Turns::default();
        for _ in 0..3 {
            let turn = turns.take();
            assert_eq!(turn.last, []);
            turns.looked(&turn, full(&rows(&[(1, 495), (2, 5)])));
            let turn = turns.take();
            assert_eq!(turn.last, [project(1)]);
            turns.looked(&turn, with_room(&rows(&[(3, 1)])));
        }
    }

    #[test]
    fn a_round_goes_on_until_everybody_had_a_turn() {
        let mut turns = Turns::default();
        for number in 1..=20 {
            let turn = turns.take();
            assert_eq!(turn.last.len(), usize::try_from(number).unwrap() - 1);
            turns.looked(&turn, full(&rows(&[(number, 500)])));
        }
        let turn = turns.take();
        turns.looked(&turn, with_room(&[]));
        assert_eq!(turns.take(), Turn::default());
    }

    #[test]
    fn each_full_look_adds_somebody_however_its_schedules_are_spread() {
        for of in [
            vec![(1, 4), (2, 3), (3, 3)],
            (0..500).map(|number| (number, 1)).collect(),
        ] {
            let mut turns = Turns::default();
            let turn = turns.take();
            turns.looked(&turn, full(&rows(&of)));
            assert!(!turns.take().last.is_empty());
        }
    }

    #[test]
    fn who_looks_at_the_same_time_takes_what_waits_longest() {
        let mut turns = Turns::default();
        let first = turns.take();
        turns.looked(&first, full(&rows(&[(1, 500)])));
        let (one, other) = (turns.take(), turns.take());
        assert_eq!((one.last.len(), other.last.len()), (1, 0));
        turns.looked(&other, full(&rows(&[(1, 500)])));
        turns.looked(&one, with_room(&[]));
        assert_eq!(turns.take().last, [project(1)]);
    }

    #[test]
    fn a_round_ends_where_no_more_projects_can_be_told_apart() {
        let mut turns = Turns::default();
        let turn = turns.take();
        let many: Vec<_> = (0..2_000).map(project).collect();
        turns.looked(&turn, full(&many));
        let turn = turns.take();
        assert_eq!(turn.last.len(), MAX_SERVED);
        turns.looked(&turn, full(&rows(&[(5_000, 500)])));
        assert_eq!(turns.take(), Turn::default());
    }

    #[test]
    fn of_too_many_those_that_had_most_come_last() {
        let mut turns = Turns::default();
        let turn = turns.take();
        let mut many: Vec<_> = (0..2_000).map(project).collect();
        many.extend(rows(&[(1_999, 9)]));
        turns.looked(&turn, full(&many));
        assert_eq!(turns.take().last.first(), Some(&project(1_999)));
    }
}
