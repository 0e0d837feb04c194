//! Which schedules a transaction looks at, and what is learnt from that for the next ones.

use gathering_domain::schedule::turns::{Found, Turn};
use gathering_domain::{ProjectId, ScheduleId};
use gathering_persistence::schedules::{self, ScheduleRow, Whose};
use gathering_persistence::{Error, Transaction};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::Scheduler;

/// Which schedules a transaction is to look at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim<'a> {
    /// So many of those whose time has come, in this order.
    Due { most: u32, turn: &'a Turn },
    /// This one, if its time has come.
    One(ScheduleId),
}

/// Schedules that are locked.
#[derive(Debug)]
pub(super) struct Claimed {
    /// Those whose turn it is come first.
    pub(super) rows: Vec<ScheduleRow>,
    pub(super) now: Timestamp,
    /// How many those are.
    in_turn: usize,
}

/// What is remembered of schedules that were locked while they are looked at.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) due: Vec<ScheduleId>,
    /// The projects of those whose turn it was.
    projects: Vec<ProjectId>,
}

impl Scheduler {
    /// Locks them; `None` if nothing is due that others have not locked.
    pub(super) async fn claim(&self, tx: &Transaction<'_>, claim: Claim<'_>) -> Result<Option<Claimed>, Error> {
        let claimed = match claim {
            Claim::Due { most, turn } => self.claim_due(tx, most, turn).await?,
            Claim::One(id) => self.claim_one(tx, id).await?,
        };
        if claimed.is_none() {
            self.learn(claim, &Seen::default(), 0);
        }
        Ok(claimed)
    }

    async fn claim_due(&self, tx: &Transaction<'_>, most: u32, turn: &Turn) -> Result<Option<Claimed>, Error> {
        let (given, most) = (self.shared.given_now(), i64::from(most));
        let began = Instant::now();
        let (mut rows, mut now) = schedules::lock_due(tx, given, most, Whose::AllBut(&turn.last)).await?;
        let in_turn = rows.len();
        let room = most - i64::try_from(in_turn).unwrap_or(most);
        if !turn.last.is_empty() {
            let ended = Instant::now();
            self.shared.fairness.looked_past(ended - began, ended);
            if room > 0 {
                let (others, at) = schedules::lock_due(tx, given, room, Whose::Only(&turn.last)).await?;
                rows.extend(others);
                now = now.or(at);
            }
        }
        Ok(now.map(|now| Claimed { rows, now, in_turn }))
    }

    async fn claim_one(&self, tx: &Transaction<'_>, id: ScheduleId) -> Result<Option<Claimed>, Error> {
        let now = schedules::now(tx, self.shared.given_now()).await?;
        let row = schedules::lock_one(tx, id).await?;
        let row = row.filter(|row| row.wake_at.is_some_and(|wake| wake <= now));
        Ok(row.map(|row| Claimed {
            rows: vec![row],
            now,
            in_turn: 1,
        }))
    }

    /// After so many of them were looked at, whatever became of that. Gives whether more may be due.
    pub(super) fn learn(&self, claim: Claim<'_>, seen: &Seen, looked: usize) -> bool {
        let Claim::Due { most, turn } = claim else {
            return looked < seen.due.len();
        };
        let in_turn = &seen.projects[..seen.projects.len().min(looked)];
        let full = |locked: usize| locked == most as usize || looked < locked;
        let found = Found {
            projects: in_turn,
            more_in_turn: full(seen.projects.len()),
            more: full(seen.due.len()),
        };
        self.shared.fairness.looked(turn, found);
        found.more
    }
}

impl Claimed {
    pub(super) fn seen(&self) -> Seen {
        Seen {
            due: self.rows.iter().map(|row| row.id).collect(),
            projects: self.rows[..self.in_turn].iter().map(|row| row.project_id).collect(),
        }
    }
}
