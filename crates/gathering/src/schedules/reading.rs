//! Use cases of schedules: read one, list them, and what became of their due times.

use gathering_auth::Identity;
use gathering_domain::name::Name;
use gathering_domain::policy::ProjectAction;
use gathering_domain::{ProjectId, ScheduleId};
use gathering_persistence::{Page, PageRequest};
use gathering_scheduler::{FiringQuery, ScheduleFilter};

use super::view::{FiringPage, Schedule, ScheduleStatus};
use crate::access::{Proof, Thing};
use crate::{Error, Gathering};

/// How many schedules are looked at at once for those of one status.
const PART: u32 = 500;

/// Which schedules to list.
#[derive(Debug, Clone)]
pub struct ScheduleQuery {
    /// Of this project; `None` for the caller's own.
    pub project_id: Option<ProjectId>,
    /// Only those with this status.
    pub status: Option<ScheduleStatus>,
    /// Only those that are called exactly so.
    pub name: Option<Name>,
    /// Which part of them.
    pub page: PageRequest,
}

impl Gathering {
    /// A schedule.
    pub async fn schedule(&self, identity: &Identity, id: ScheduleId) -> Result<Schedule, Error> {
        let thing = Thing::Schedule(id);
        let proof = self.may(identity, ProjectAction::ViewSchedules, thing).await?;
        let found = self.scheduler.with(&proof).schedule(id).await?;
        found.map(Schedule::from).ok_or_else(|| thing.not_found())
    }

    /// The schedules of a project, newest first.
    pub async fn schedules(&self, identity: &Identity, query: ScheduleQuery) -> Result<Page<Schedule>, Error> {
        let action = ProjectAction::ViewSchedules;
        let proof = self.may_in(identity, action, query.project_id).await?;
        let filter = ScheduleFilter {
            paused: query.status.map(|status| status == ScheduleStatus::Paused),
            name: query.name,
        };
        match query.status {
            None | Some(ScheduleStatus::Paused) => self.listed(&proof, &filter, query.page).await,
            Some(status) => self.sifted(&proof, (status, &filter), query.page).await,
        }
    }

    async fn listed(
        &self,
        proof: &Proof<ProjectId>,
        filter: &ScheduleFilter,
        page: PageRequest,
    ) -> Result<Page<Schedule>, Error> {
        let scheduler = self.scheduler.with(proof);
        let Page { items, next } = scheduler.schedules(proof.project(), filter, page).await?;
        Ok(Page {
            items: items.into_iter().map(Schedule::from).collect(),
            next,
        })
    }

    /// Whether a schedule is over only its rules can tell: they are read until there are enough, or no more, and a project has not that many.
    async fn sifted(
        &self,
        proof: &Proof<ProjectId>,
        (status, filter): (ScheduleStatus, &ScheduleFilter),
        page: PageRequest,
    ) -> Result<Page<Schedule>, Error> {
        let wanted = page.limit as usize;
        let mut found: Vec<Schedule> = Vec::new();
        let mut after = page.after;
        loop {
            let part = PageRequest { limit: PART, after };
            let Page { items, next } = self.listed(proof, filter, part).await?;
            found.extend(items.into_iter().filter(|schedule| schedule.status == status));
            after = next;
            if after.is_none() || found.len() > wanted {
                break;
            }
        }
        let more = found.len() > wanted;
        found.truncate(wanted);
        Ok(Page {
            next: found.last().filter(|_| more).map(|last| last.id.as_uuid()),
            items: found,
        })
    }

    /// What became of the due times of a schedule, the latest first.
    pub async fn firings(&self, identity: &Identity, id: ScheduleId, query: FiringQuery) -> Result<FiringPage, Error> {
        let thing = Thing::Schedule(id);
        let proof = self.may(identity, ProjectAction::ViewSchedules, thing).await?;
        Ok(self.scheduler.with(&proof).firings(id, query).await?.into())
    }
}
