//! Why a schedule does not fire, or not now: in words for whoever is woken at night, and as data.

mod words;

use std::time::Duration;

use gathering_auth::Identity;
use gathering_domain::policy::ProjectAction;
use gathering_domain::{FiringId, PipelineId, ProjectId, RunId, ScheduleId, UserId};
use gathering_persistence::PageRequest;
use gathering_scheduler::ScheduleView;
use jiff::Timestamp;
use serde::Serialize;

use super::action::Action;
use super::fire::PIPELINE_NOT_FOUND;
use super::payload::Payload;
use crate::access::{Proof, Thing};
use crate::{Error, Gathering};

/// How many instances are looked at: the youngest.
const INSTANCES: u32 = 100;
/// An instance that was not heard for this long is not counted on.
const SILENT: Duration = Duration::from_secs(5);

/// Why a schedule does not fire, or not now.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleWhy {
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// The time by which this was judged.
    pub now: Timestamp,
    /// Everything that holds it back, the weightiest first; empty if it fires right now.
    pub blockers: Vec<ScheduleBlocker>,
    /// The same in a sentence.
    pub summary: String,
}

/// Something that holds a schedule back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleBlocker {
    /// `no_instance`, `paused`, `failing`, `ended`, `overlap`, `awaits_end`, `missed`, `clock_set_back`, `not_looked_at`, `not_due`, `unreadable` or
    /// `pipeline_not_found`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: &'static str,
    /// What it is, and what to do.
    pub message: String,
    /// The facts of it; each code has its own.
    #[serde(flatten)]
    pub facts: BlockerFacts,
}

/// The facts of a blocker; those that its code does not have are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockerFacts {
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub since: Option<Timestamp>,
    /// Until when; of what was missed, the last due time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub until: Option<Timestamp>,
    /// The due time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub due_at: Option<Timestamp>,
    /// When that fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub fires_at: Option<Timestamp>,
    /// A time before the due time that would have been due, were its day not excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub excluded_at: Option<Timestamp>,
    /// Why it is paused, why its last firing failed, or why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub reason: Option<String>,
    /// Who paused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub by: Option<UserId>,
    /// What due times do while an earlier firing has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, value_type = String))]
    pub overlap: Option<&'static str>,
    /// The firing that has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub firing_id: Option<FiringId>,
    /// Its run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub run_id: Option<RunId>,
    /// How many firings wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub buffered: Option<u32>,
    /// How many due times were missed, or firings failed in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub count: Option<i64>,
    /// Whether it has fired as often as it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub max_firings_reached: Option<bool>,
    /// The pipeline that is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub pipeline_id: Option<PipelineId>,
}

impl Gathering {
    /// Why a schedule does not fire, or not now.
    pub async fn why_schedule(&self, identity: &Identity, id: ScheduleId) -> Result<ScheduleWhy, Error> {
        let proof = self
            .may(identity, ProjectAction::ViewSchedules, Thing::Schedule(id))
            .await?;
        self.explained(&proof, id).await
    }

    /// What holds a schedule back.
    pub(super) async fn explained(&self, proof: &Proof<ProjectId>, id: ScheduleId) -> Result<ScheduleWhy, Error> {
        let thing = Thing::Schedule(id);
        let scheduler = self.scheduler.with(proof);
        let schedule = scheduler.schedule(id).await?.ok_or_else(|| thing.not_found())?;
        let why = scheduler.why(id).await?;
        let mut blockers: Vec<ScheduleBlocker> = why
            .blockers
            .into_iter()
            .map(|blocker| words::tell(blocker, &schedule, why.now))
            .collect();
        if let Some(pipeline) = self.missing_pipeline(proof, &schedule).await? {
            blockers.insert(0, words::no_pipeline(pipeline));
        }
        let first = PageRequest {
            limit: INSTANCES,
            after: None,
        };
        let instances = self.engine.with(proof).instances(first).await?.items;
        // One that crashed leaves its row behind.
        if !instances.iter().any(|instance| instance.heartbeat_age < SILENT) {
            blockers.insert(0, words::no_instance());
        }
        Ok(ScheduleWhy {
            schedule_id: id,
            now: why.now,
            summary: words::sum_up(&schedule, &blockers),
            blockers,
        })
    }

    /// The pipeline that a schedule starts, if that was deleted.
    async fn missing_pipeline(
        &self,
        proof: &Proof<ProjectId>,
        schedule: &ScheduleView,
    ) -> Result<Option<PipelineId>, Error> {
        let payload = Payload::read(&schedule.payload).unwrap_or_default();
        let wanted = match payload.pipeline {
            Some(own) => Some(own.id),
            None => match Action::read(&payload.action.to_value(), &mut Vec::new()) {
                Some(Action::Execute(execute)) => Some(execute.pipeline_id),
                Some(Action::Call { .. }) | None => None,
            },
        };
        let Some(wanted) = wanted else { return Ok(None) };
        let found = self.engine.with(proof).pipeline(wanted, None).await?;
        Ok(found.is_none().then_some(wanted))
    }
}
