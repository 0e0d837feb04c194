//! What is kept of an action with its schedule, and in the error of a firing.

use gathering_domain::{Json, PipelineId};
use gathering_scheduler::{FiringRow, FiringStatus};
use serde::{Deserialize, Serialize};

/// The key in the error of a firing that says that a run failed, and not its start.
pub(super) const RUN_ID: &str = "run_id";

/// The payload of a schedule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Payload {
    /// As it was given.
    pub(super) action: Json,
    /// The pipeline that was saved for the schedule, if its action needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pipeline: Option<OwnPipeline>,
    /// What the schedule is for, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

/// The pipeline of one node that was saved for a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OwnPipeline {
    /// The pipeline.
    pub(super) id: PipelineId,
    /// Its version that does what the action says.
    pub(super) version: i32,
}

impl Default for Payload {
    fn default() -> Self {
        Self {
            action: Json::null(),
            pipeline: None,
            description: None,
        }
    }
}

impl Payload {
    pub(super) fn read(json: &Json) -> Result<Self, serde_json::Error> {
        json.parse()
    }

    pub(super) fn to_json(&self) -> Json {
        // Texts and numbers always serialize.
        Json::serialize(self).unwrap_or_else(|_| Json::null())
    }
}

/// Whether a firing started a run.
pub(super) fn has_run(firing: &FiringRow) -> bool {
    #[derive(Deserialize)]
    struct OfRun {
        #[expect(dead_code, reason = "that it is there is what matters")]
        run_id: gathering_domain::RunId,
    }
    match firing.status {
        FiringStatus::Started | FiringStatus::Succeeded | FiringStatus::Cancelled => true,
        FiringStatus::Failed => firing
            .error
            .as_ref()
            .is_some_and(|error| error.parse::<OfRun>().is_ok()),
        FiringStatus::Buffered | FiringStatus::Skipped | FiringStatus::Missed => false,
    }
}
