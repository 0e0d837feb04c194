//! A schedule as it is sent, as far as a schema can say it: the rest is told by `POST /schedules/validate`.

#![expect(
    dead_code,
    reason = "they describe what gathering-domain and the facade read with their own words for what is wrong"
)]

use super::super::schedules;
use gathering::{Json, Uuid};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A schedule to save.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "nightly notice", "kind": "cron", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "overlap": "skip",
    "action": {"type": "send_notification", "url": "https://example.org/hooks/team", "message": "{{ firing.schedule }} is due at {{ firing.due_at }}"}}))]
pub(in crate::http) struct NewSchedule {
    /// What people call it, without characters that cannot be seen.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it is for.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Where it will live; the caller's own project where it is left out.
    project_id: Option<Uuid>,
    /// That it begins paused, and why; or only that it does.
    #[schema(value_type = Option<Paused>)]
    paused: Option<Json>,
    /// Whether it is due as a pattern says, again and again, or once.
    kind: Kind,
    /// Of the kind `cron`, which needs it: a pattern of five fields (minute, hour, day of month, month, day of week), six with seconds first, or seven with years last; or
    /// `@daily` and the like.
    #[schema(max_length = 256, example = "0 3 * * *")]
    cron: Option<String>,
    /// Of the kind `cron`: what is done with times that the clocks of its zone leave out or show twice.
    dst: Option<Dst>,
    /// Of the kind `interval`, which needs it: how long from one due time to the next, from `1s` to `3650d`.
    #[schema(example = "15m")]
    every: Option<String>,
    /// Of the kind `interval`: from what it is counted; `fixed_rate` where it is left out.
    mode: Option<Mode>,
    /// Of the kind `once`, which needs it: when. It must be in the future.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// The IANA name of the zone of its pattern and of its excluded days; `UTC` where it is left out.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Nothing is due before; an interval counts from it, else from when it was created.
    #[schema(format = DateTime)]
    start_at: Option<String>,
    /// Nothing is due from then on; for ever where it is left out.
    #[schema(format = DateTime)]
    end_at: Option<String>,
    /// Days on which nothing is due: `2026-12-25`, `12-25` (each year), `2026-12-24/2027-01-02` (both inclusive), `sat`.
    #[schema(max_items = 400)]
    exclude: Option<Vec<String>>,
    /// How often it fires by itself in all; without end where it is left out.
    #[schema(minimum = 1, maximum = 1_000_000_000_u64)]
    max_firings: Option<u64>,
    /// Each firing comes later by a time of its own, up to this long, up to `1d`, and never after the next due time; `0s` where it is left out.
    #[schema(example = "5m")]
    jitter: Option<String>,
    /// What becomes of due times that nobody looked at in time.
    misfire: Option<Misfire>,
    /// What a due time does while an earlier firing has not ended; `allow` where it is left out.
    overlap: Option<Overlap>,
    /// It pauses itself after so many failures in a row; never where it is left out.
    #[schema(minimum = 1, maximum = 1000)]
    pause_after_failures: Option<u32>,
    /// What a firing does.
    action: Action,
}

/// A schedule as it is from now on, all of it. Its project and its pause stay.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ScheduleChange {
    // Everything else is taken from a new one, in `complete`.
    action: Action,
}

/// When a schedule is due.
#[derive(ToSchema)]
#[schema(as = ScheduleKind, rename_all = "snake_case")]
pub(in crate::http) enum Kind {
    Cron,
    Interval,
    Once,
}

/// That a schedule begins paused.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = NewSchedulePaused)]
pub(in crate::http) enum Paused {
    /// Whether it does.
    Whether(bool),
    /// It does, for this reason.
    Why(String),
}

/// What is done where clocks are put forward and back.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleDstPolicy)]
pub(in crate::http) struct Dst {
    /// Times that the clocks leave out: `shift` moves them to the first moment after the gap, `skip` leaves them out; `shift` where it is left out.
    gap: Option<Gap>,
    /// Times that the clocks show twice: due the first time, the second, or both; `first` where it is left out.
    fold: Option<Fold>,
}

/// What becomes of times that the clocks leave out.
#[derive(ToSchema)]
#[schema(as = ScheduleGap, rename_all = "snake_case")]
pub(in crate::http) enum Gap {
    Shift,
    Skip,
}

/// What becomes of times that the clocks show twice.
#[derive(ToSchema)]
#[schema(as = ScheduleFold, rename_all = "snake_case")]
pub(in crate::http) enum Fold {
    First,
    Second,
    Both,
}

/// From what an interval is counted: from one due time to the next, whatever happens, or from the end of a firing to the next due time.
#[derive(ToSchema)]
#[schema(as = ScheduleMode, rename_all = "snake_case")]
pub(in crate::http) enum Mode {
    FixedRate,
    FixedDelay,
}

/// What becomes of due times that nobody looked at in time, because no instance was there, or none could keep up.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleMisfirePolicy)]
pub(in crate::http) struct Misfire {
    /// Which of them fire all the same: none, the last one, or all of them up to `max`; `fire_once` where it is left out.
    policy: Option<MisfireWord>,
    /// How far back, from `1s` to `3650d`: what was due before stays missed; `1d` where it is left out.
    window: Option<String>,
    /// Of `fire_all`: how many at most, the last ones; 100 where it is left out.
    #[schema(minimum = 1, maximum = 1000)]
    max: Option<u32>,
    /// How late a due time may be looked at without being missed, from `1s` to `1d`; `5s` where it is left out.
    grace: Option<String>,
}

/// Which missed due times fire all the same.
#[derive(ToSchema)]
#[schema(as = ScheduleMisfireWord, rename_all = "snake_case")]
pub(in crate::http) enum MisfireWord {
    Skip,
    FireOnce,
    FireAll,
}

/// What a due time does while an earlier firing has not ended: it fires beside it, is skipped, waits if none does, waits in any case (up to 1,000), or cancels what is open and
/// fires.
#[derive(ToSchema)]
#[schema(as = ScheduleOverlap, rename_all = "snake_case")]
pub(in crate::http) enum Overlap {
    Allow,
    Skip,
    BufferOne,
    BufferAll,
    CancelPrevious,
}

/// What a firing does. Its texts may hold `{{ expressions }}` over `firing`: `firing.due_at` (RFC 3339), `firing.id`, `firing.schedule_id`, `firing.schedule` (the name) and
/// `firing.origin`.
///
/// Each is a run with the id of the firing, so that it is tried again, timed out and journaled as all runs are:
///
/// - `execute_pipeline` starts a run of a pipeline of the same project.
/// - `call_api` sends an HTTP request, with the fields of the node of that name.
/// - `send_notification` posts `{"message": …}`, likewise.
///
/// `run_task` is refused: there are no agents yet.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleAction)]
pub(in crate::http) struct Action {
    /// Which of them; the other fields are those of one or another.
    r#type: ActionType,
    /// `execute_pipeline`: the pipeline.
    pipeline_id: Option<Uuid>,
    /// `execute_pipeline`: always this version; the latest when it fires where it is left out.
    #[schema(minimum = 1)]
    version: Option<i32>,
    /// `execute_pipeline`: the input of the run.
    #[schema(required = false)]
    input: Json,
    /// `execute_pipeline`: labels of the run, at most 31.
    labels: Option<std::collections::BTreeMap<String, String>>,
    /// `execute_pipeline`: higher is taken first; 0 where it is left out.
    #[schema(minimum = -32768, maximum = 32767)]
    priority: Option<i16>,
    /// `call_api`, `send_notification`: where to, http or https.
    url: Option<String>,
    /// `call_api`: `GET` where it is left out.
    method: Option<String>,
    /// `call_api`, `send_notification`: headers of the request, which may be texts, numbers, true and false.
    #[schema(value_type = Option<Object>)]
    headers: Option<Json>,
    /// `call_api`: a text is sent as it is, anything else as JSON.
    #[schema(required = false)]
    body: Json,
    /// `call_api`: the statuses of success, as in `204`, `"200-299"` (where it is left out) or `[200, 404]`.
    #[schema(required = false)]
    expect: Json,
    /// `call_api`: the most bytes of the answer that are read.
    #[schema(required = false)]
    max_bytes: Json,
    /// `send_notification`: any JSON.
    #[schema(required = false)]
    message: Json,
    /// `call_api`, `send_notification`: how failures are tried again.
    retry: Option<super::definition::Retry>,
    /// `call_api`, `send_notification`: how long one attempt may take, as in `30s`.
    timeout: Option<String>,
    /// `call_api`, `send_notification`: the circuit breaker that counts its failures.
    #[schema(value_type = Option<super::definition::NodeBreaker>)]
    breaker: Option<Json>,
}

/// What kinds of actions there are.
#[derive(ToSchema)]
#[schema(as = ScheduleActionType, rename_all = "snake_case")]
pub(in crate::http) enum ActionType {
    ExecutePipeline,
    CallApi,
    SendNotification,
}

/// Why a schedule is paused.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SchedulePauseReason, example = json!({"reason": "the receiver is being moved"}))]
pub(in crate::http) struct Pause {
    /// For people.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// Due times that have passed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BackfillRange, example = json!({"from": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z"}))]
pub(in crate::http) struct Range {
    /// From this moment on.
    #[schema(format = DateTime)]
    from: String,
    /// Up to this moment, which does not count, and up to now.
    #[schema(format = DateTime)]
    until: String,
}

/// What has become of a firing.
#[derive(ToSchema)]
#[schema(as = FiringStatus, rename_all = "snake_case")]
pub(in crate::http) enum FiringWord {
    Buffered,
    Started,
    Succeeded,
    Failed,
    Cancelled,
    Skipped,
    Missed,
}

/// Gives a changed schedule the fields of a new one, but for those that stay.
pub(super) fn complete(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    let mut change = schemas["NewSchedule"].clone();
    change["description"] = schemas["ScheduleChange"]["description"].clone();
    if let Some(properties) = change["properties"].as_object_mut() {
        for name in schedules::TOLD {
            let told =
                json!({"description": "As it is told; it may be sent back, and changes nothing.", "readOnly": true});
            properties.insert(name.to_owned(), told);
        }
    }
    change["example"]["description"] = json!("Says good night.");
    schemas["ScheduleChange"] = change;
    schemas["ScheduleCheck"]["properties"]["problems"]["items"] = json!({"$ref": "#/components/schemas/ProblemItem"});
}

/// Gives answers the words that are sent, so that what was read can be sent back with its types. After answers were made one object each.
pub(super) fn answer(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    for field in ["kind", "mode", "overlap"] {
        schemas["Schedule"]["properties"][field] = sent(&schemas["NewSchedule"]["properties"][field]);
    }
    schemas["ScheduleDst"]["properties"]["gap"] = sent(&schemas["ScheduleDstPolicy"]["properties"]["gap"]);
    schemas["ScheduleDst"]["properties"]["fold"] = sent(&schemas["ScheduleDstPolicy"]["properties"]["fold"]);
    schemas["ScheduleMisfire"]["properties"]["policy"] =
        sent(&schemas["ScheduleMisfirePolicy"]["properties"]["policy"]);
    schemas["Schedule"]["properties"]["action"] = schemas["NewSchedule"]["properties"]["action"].clone();
    schemas["Firing"]["properties"]["status"] = json!({"$ref": "#/components/schemas/FiringStatus"});
}

/// A field that may be left out where it is sent, as it is answered: always there.
fn sent(field: &Value) -> Value {
    let named = |field: &Value| field.get("$ref").is_some();
    let choices = field["oneOf"].as_array().or(field["allOf"].as_array());
    let chosen = choices.and_then(|choices| choices.iter().find(|choice| named(choice)));
    let mut answered = chosen.unwrap_or(field).clone();
    if let Some(description) = field.get("description") {
        answered["description"] = description.clone();
    }
    answered
}
