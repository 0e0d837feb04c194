//! The coming week of the schedules of a project, or of one schedule.

use gathering_auth::Identity;
use gathering_domain::policy::ProjectAction;
use gathering_domain::{ProjectId, ScheduleId};
use gathering_persistence::PageRequest;
use gathering_scheduler::{Phase, ScheduleFilter, ScheduleView};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::action::problem;
use super::week::{Week, WeekRow};
use crate::access::{Proof, Thing};
use crate::{Error, Gathering};

/// How many schedules are read for one picture: more than it draws, so that it can say how many there are.
const READ: u32 = 1_000;
/// How many of them are drawn, and so asked for their times.
const DRAWN: usize = 60;

/// Which week of which schedules.
#[derive(Debug, Clone, Default)]
pub struct WeekQuery {
    /// Of this project; `None` for the caller's own, or for that of the schedule.
    pub project_id: Option<ProjectId>,
    /// Of this schedule alone.
    pub schedule_id: Option<ScheduleId>,
    /// The first of the seven days; `None` for today.
    pub from: Option<Date>,
    /// On whose clocks; `None` for those of the schedule, and for UTC where several are meant.
    pub timezone: Option<String>,
}

impl Gathering {
    /// Seven days of schedules, to be drawn.
    pub async fn schedule_week(&self, identity: &Identity, query: WeekQuery) -> Result<Week, Error> {
        let (proof, schedules) = self.of_week(identity, &query).await?;
        self.drawn_week(&proof, &query, schedules).await
    }

    /// The schedules that are meant.
    async fn of_week(
        &self,
        identity: &Identity,
        query: &WeekQuery,
    ) -> Result<(Proof<ProjectId>, Vec<ScheduleView>), Error> {
        let action = ProjectAction::ViewSchedules;
        if let Some(id) = query.schedule_id {
            let thing = Thing::Schedule(id);
            let proof = self.may(identity, action, thing).await?;
            let found = self.scheduler.with(&proof).schedule(id).await?;
            return Ok((proof, vec![found.ok_or_else(|| thing.not_found())?]));
        }
        let proof = self.may_in(identity, action, query.project_id).await?;
        let page = PageRequest {
            limit: READ,
            after: None,
        };
        let scheduler = self.scheduler.with(&proof);
        let listed = scheduler
            .schedules(proof.project(), &ScheduleFilter::default(), page)
            .await?;
        Ok((proof, listed.items))
    }

    /// Seven days of these schedules.
    pub(super) async fn drawn_week(
        &self,
        proof: &Proof<ProjectId>,
        query: &WeekQuery,
        schedules: Vec<ScheduleView>,
    ) -> Result<Week, Error> {
        let zone = zone(query, &schedules)?;
        let from = match query.from {
            Some(from) => from,
            None => self.scheduler.with(proof).time().await?.to_zoned(zone.clone()).date(),
        };
        let days = days(from, &zone)?;
        let mut rows = Vec::with_capacity(schedules.len());
        for (index, schedule) in schedules.into_iter().enumerate() {
            let drawn = index < DRAWN;
            rows.push(self.week_row(proof, schedule, days, drawn).await?);
        }
        Ok(Week { zone, from, rows })
    }

    async fn week_row(
        &self,
        proof: &Proof<ProjectId>,
        schedule: ScheduleView,
        (start, end): (Timestamp, Timestamp),
        drawn: bool,
    ) -> Result<WeekRow, Error> {
        let most = Week::MAX_TIMES;
        let mut times = if drawn {
            let scheduler = self.scheduler.with(proof);
            match scheduler.due_times(schedule.id, (start, end), most + 1).await {
                Ok(times) => times,
                // Deleted since the list was read.
                Err(gathering_scheduler::Error::NotFound(_)) => Vec::new(),
                Err(error) => return Err(error.into()),
            }
        } else {
            Vec::new()
        };
        let more = times.len() > most;
        times.truncate(most);
        Ok(WeekRow {
            paused: matches!(schedule.phase, Phase::Paused(_)),
            name: schedule.name,
            times,
            more,
        })
    }
}

/// The zone that was asked for, or that of the one schedule.
fn zone(query: &WeekQuery, schedules: &[ScheduleView]) -> Result<TimeZone, Error> {
    let own = match (query.schedule_id, schedules) {
        (Some(_), [schedule]) => schedule.rules.as_ref().map(|rules| rules.timezone.as_str()),
        _ => None,
    };
    let name = query.timezone.as_deref().or(own).unwrap_or("UTC");
    gathering_domain::schedule::times::zone(name).map_err(|unknown| Error::InvalidRequest {
        problems: vec![problem("/timezone", "unknown_timezone", unknown.to_string())],
    })
}

/// From the first moment of the first day to the last of the seventh.
fn days(from: Date, zone: &TimeZone) -> Result<(Timestamp, Timestamp), Error> {
    let start = |date: Date| date.to_zoned(zone.clone()).map(|day| day.timestamp());
    let days = from
        .checked_add(7.days())
        .and_then(|until| Ok((start(from)?, start(until)?)));
    days.map_err(|_beyond| {
        let message = "must be a day from the years -9999 to 9999, and the week after it as well".to_owned();
        Error::InvalidRequest {
            problems: vec![problem("/from", "invalid_value", message)],
        }
    })
}
