//! The rules of a schedule as JSON has them.

use gathering_scheduler::Rules;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// When a schedule is due, and by which policies it fires; every policy is there, also where it was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleRules {
    /// `cron`, `interval` or `once`.
    pub kind: String,
    /// The pattern; of the kind `cron` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub cron: Option<String>,
    /// What it does where clocks are put forward and back; of the kind `cron` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub dst: Option<ScheduleDst>,
    /// From one due time to the next, as in `15m`; of the kind `interval` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub every: Option<String>,
    /// `fixed_rate`, or `fixed_delay` where it counts from the end of a firing; of the kind `interval` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub mode: Option<String>,
    /// When it fires; of the kind `once` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub at: Option<Timestamp>,
    /// The IANA name of the zone of its pattern and of its excluded days.
    pub timezone: String,
    /// What becomes of due times that were missed.
    pub misfire: ScheduleMisfire,
    /// What a due time does while an earlier firing has not ended: `allow`, `skip`, `buffer_one`, `buffer_all` or `cancel_previous`.
    pub overlap: String,
    /// Each firing comes later by a time of its own, up to this long.
    pub jitter: String,
    /// Nothing is due before.
    pub start_at: Option<Timestamp>,
    /// Nothing is due from then on.
    pub end_at: Option<Timestamp>,
    /// How often it fires in all.
    pub max_firings: Option<u64>,
    /// Days on which nothing is due.
    pub exclude: Vec<String>,
    /// It pauses itself after so many failures in a row.
    pub pause_after_failures: Option<u32>,
}

/// What a pattern does where clocks are put forward and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleDst {
    /// With times that the clocks leave out: `skip`, or `shift` to the first moment after them.
    pub gap: String,
    /// With times that come twice: `first`, `second` or `both`.
    pub fold: String,
}

/// What becomes of due times that were missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleMisfire {
    /// `skip`, `fire_once` or `fire_all`.
    pub policy: String,
    /// How far back; what was due before stays missed.
    pub window: String,
    /// Of `fire_all`, how many at most, the last ones.
    pub max: u32,
    /// How late a due time may be looked at without being missed.
    pub grace: String,
}

impl ScheduleRules {
    /// The same as the scheduler has them. Its JSON is the contract; these are the names in it.
    pub(super) fn new(rules: &Rules) -> Option<Self> {
        serde_json::from_value(rules.to_json().into()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn rules_are_told_with_every_field_that_the_scheduler_writes_and_no_other() {
        let moments = json!({"start_at": "2027-01-01T00:00:00Z", "exclude": ["12-25"], "max_firings": 3});
        for kind in [
            json!({"kind": "cron", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}),
            json!({"kind": "interval", "every": "15m", "mode": "fixed_delay", "pause_after_failures": 2}),
            json!({"kind": "once", "at": "2027-06-01T00:00:00Z", "end_at": "2028-01-01T00:00:00Z"}),
        ] {
            let Value::Object(mut object) = kind else { continue };
            object.extend(moments.as_object().cloned().unwrap_or_default());
            let rules = Rules::parse(&object).unwrap();
            let told = serde_json::to_value(ScheduleRules::new(&rules).unwrap()).unwrap();
            assert_eq!(told, Value::Object(rules.to_json()));
        }
    }
}
