//! What is decided in one transaction, and what the embedder made of it.

use std::collections::HashMap;
use std::sync::Arc;

use gathering_domain::firing::MAX_GROWTH;
use gathering_domain::schedule::plan::{Buffered, Fate, MAX_AT_ONCE, Plan};
use gathering_domain::schedule::{Origin, Outcome, Timetable};
use gathering_domain::{FiringId, Json, ScheduleId};
use gathering_persistence::schedules::ScheduleRow;
use gathering_persistence::{Transaction, firings};
use jiff::Timestamp;
use serde_json::json;

use crate::{FireError, Fired, Fires, Firing, Scheduler};

/// The most bytes that one transaction starts, about; one schedule alone may go beyond, by a hundred times its payload.
const MAX_BYTES: usize = 128 << 20;

/// How the firings of a transaction are done.
#[derive(Debug)]
pub(super) enum Mode {
    /// By the embedder.
    Usual,
    /// The same, without due times that have a firing already: somebody asked for them, or rules were changed and changed back.
    Checked,
    /// Not at all: they have failed, for this reason.
    Failing(String),
}

/// Schedules whose time has come, and what is to become of their due times.
#[derive(Debug)]
pub(super) struct Looks {
    pub(super) now: Timestamp,
    /// Without the last ones, if all of them would start too much at once.
    pub(super) each: Vec<Look>,
    /// What starts now, of all schedules.
    pub(super) starting: Vec<Starting>,
}

/// One schedule.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) row: ScheduleRow,
    /// `None` if its rules cannot be read.
    pub(super) timetable: Option<Arc<Timetable>>,
    pub(super) plan: Plan,
    pub(super) pauses: Option<String>,
}

/// A firing that starts now.
#[derive(Debug)]
pub(super) struct Starting {
    /// Which schedule, of [`Looks::each`].
    pub(super) look: usize,
    pub(super) firing: Firing,
    /// Whether it waited, and so has a row.
    pub(super) waited: bool,
    pub(super) fired: Fired,
}

impl Looks {
    /// Reads what waits, and decides.
    pub(super) async fn decide(
        scheduler: &Scheduler,
        tx: &Transaction<'_>,
        rows: Vec<ScheduleRow>,
        now: Timestamp,
    ) -> Result<Self, FireError> {
        let mut waiting = waiting(tx, &rows).await?;
        let mut looks = Self {
            now,
            each: Vec::with_capacity(rows.len()),
            starting: Vec::new(),
        };
        let mut bytes = 0_usize;
        for row in rows {
            let waiting = waiting.remove(&row.id).unwrap_or_default();
            let look = Look::decide(scheduler, row, &waiting, now);
            bytes = bytes.saturating_add(look.weight());
            if bytes > MAX_BYTES && !looks.each.is_empty() {
                // As it was, and due: it comes with the next transaction.
                break;
            }
            looks.each.push(look);
        }
        for index in 0..looks.each.len() {
            looks.note_starting(scheduler, index);
        }
        Ok(looks)
    }

    fn note_starting(&mut self, scheduler: &Scheduler, look: usize) {
        let Look { row, plan, .. } = &self.each[look];
        let resumed = plan
            .resumed
            .iter()
            .map(|waiting| (waiting.id, waiting.due_at, waiting.origin, true));
        let new = plan.firings.iter().filter(|planned| planned.fate == Fate::Start);
        let new = new.map(|planned| {
            (
                scheduler.shared.firing_id(self.now),
                planned.due_at,
                Origin::Schedule,
                false,
            )
        });
        let all: Vec<_> = resumed.chain(new).collect();
        let Some(name) = (!all.is_empty()).then(|| Arc::<str>::from(row.name.as_str())) else {
            return;
        };
        for (id, due_at, origin, waited) in all {
            self.starting.push(Starting {
                look,
                firing: Firing {
                    id,
                    schedule_id: row.id,
                    schedule: Arc::clone(&name),
                    project_id: row.project_id,
                    revision: row.revision,
                    due_at,
                    origin,
                    payload: row.payload.clone(),
                },
                waited,
                fired: Fired::Started,
            });
        }
    }

    /// Leaves out due times that have a firing already.
    pub(super) async fn leave_out_fired(&mut self, tx: &Transaction<'_>) -> Result<(), FireError> {
        for (index, look) in self.each.iter_mut().enumerate() {
            let due: Vec<_> = look.plan.firings.iter().map(|planned| planned.due_at).collect();
            let fired = firings::existing(tx, look.row.id, &due).await?;
            let is_there = |due: Timestamp| fired.iter().any(|(there, _)| *there == due);
            look.plan.leave_out(is_there);
            self.starting
                .retain(|starting| starting.look != index || starting.waited || !is_there(starting.firing.due_at));
        }
        Ok(())
    }

    /// Takes back what is open of schedules whose next firing takes its place.
    pub(super) async fn cancel_previous(&self, scheduler: &Scheduler, tx: &Transaction<'_>) -> Result<(), FireError> {
        let cancelling = self.each.iter().filter(|look| look.plan.cancels);
        let ids: Vec<ScheduleId> = cancelling.map(|look| look.row.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let open = firings::open_of(tx, &ids).await?;
        let open: Vec<FiringId> = open.into_iter().map(|firing| firing.id).collect();
        scheduler.shared.on_fire.cancel(tx, &open).await
    }

    /// Has the embedder do what the firings mean; gives what is to be called after the commit.
    pub(super) async fn fire(
        &mut self,
        scheduler: &Scheduler,
        tx: &Transaction<'_>,
        mode: &Mode,
    ) -> Result<Option<Box<dyn FnOnce() + Send>>, FireError> {
        if self.starting.is_empty() {
            return Ok(None);
        }
        if let Mode::Failing(reason) = mode {
            for starting in &mut self.starting {
                starting.fired = Fired::Failed {
                    code: "rolled_back".to_owned(),
                    message: reason.clone(),
                };
            }
            self.take_endings();
            return Ok(None);
        }
        let firings: Vec<Firing> = self.starting.iter().map(|starting| starting.firing.clone()).collect();
        let Fires { fired, committed } = scheduler.shared.on_fire.fire(tx, &firings).await?;
        if fired.len() != firings.len() {
            let message = format!(
                "{} firings were handed over, and an answer given for {}",
                firings.len(),
                fired.len()
            );
            return Err(FireError::from(message));
        }
        for (starting, fired) in self.starting.iter_mut().zip(fired) {
            starting.fired = fired;
        }
        self.take_endings();
        Ok(committed)
    }

    /// Counts firings that have ended already.
    fn take_endings(&mut self) {
        for starting in &self.starting {
            let outcome = match starting.fired {
                Fired::Started => continue,
                Fired::Done => Outcome::Succeeded,
                Fired::Failed { .. } => Outcome::Failed,
            };
            let look = &mut self.each[starting.look];
            if let Some(timetable) = &look.timetable {
                let (state, pauses) = look.plan.state.ended(timetable, outcome, self.now);
                look.plan.state = state;
                if pauses {
                    look.pauses = Some(too_many_failures(state.failures));
                }
            }
        }
    }
}

impl Look {
    fn decide(scheduler: &Scheduler, row: ScheduleRow, waiting: &[Buffered], now: Timestamp) -> Self {
        match scheduler.shared.timetable(&row) {
            Ok(timetable) => Self {
                plan: Plan::decide((row.id, &timetable), row.state, waiting, now),
                timetable: Some(timetable),
                row,
                pauses: None,
            },
            Err(reason) => {
                tracing::error!(schedule_id = %row.id, reason, "the rules of a schedule cannot be read; it pauses");
                let mut plan = Plan {
                    state: row.state,
                    ..Plan::default()
                };
                plan.state = plan.state.paused();
                Self {
                    timetable: None,
                    plan,
                    row,
                    pauses: Some(format!("its rules cannot be read: {reason}")),
                }
            }
        }
    }

    /// About how many bytes are in memory for what starts.
    fn weight(&self) -> usize {
        let each = self.row.payload.text().len().saturating_add(MAX_GROWTH);
        self.plan.starts().saturating_mul(each)
    }

    pub(super) fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let timetable = self.timetable.as_ref()?;
        self.plan.wake_at(self.row.id, timetable, now)
    }
}

impl Fired {
    /// The error of a firing that failed.
    pub(super) fn error(&self) -> Option<Json> {
        match self {
            Self::Done | Self::Started => None,
            Self::Failed { code, message } => Some(Json::from_value(&json!({"code": code, "message": message}))),
        }
    }
}

/// Why a schedule pauses itself.
pub(crate) fn too_many_failures(failures: u32) -> String {
    match failures {
        1 => "its last firing failed".to_owned(),
        many => format!("its last {many} firings failed"),
    }
}

/// What waits, of each schedule that something waits of and might start.
async fn waiting(tx: &Transaction<'_>, rows: &[ScheduleRow]) -> Result<HashMap<ScheduleId, Vec<Buffered>>, FireError> {
    let asking = rows.iter().filter(|row| row.state.buffered > 0);
    let asking: Vec<_> = asking.map(|row| (row.id, row.state.paused)).collect();
    let mut waiting: HashMap<_, Vec<_>> = HashMap::new();
    if asking.is_empty() {
        return Ok(waiting);
    }
    let most = i64::try_from(MAX_AT_ONCE).unwrap_or(i64::MAX);
    for firing in firings::waiting(tx, &asking, most).await? {
        waiting.entry(firing.schedule_id).or_default().push(Buffered {
            id: firing.id,
            due_at: firing.due_at,
            origin: firing.origin,
        });
    }
    Ok(waiting)
}
