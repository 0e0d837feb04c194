//! What holds a schedule back, told: pure functions of what the scheduler says.

use std::fmt::Write as _;

use gathering_domain::{Json, PipelineId, RunId};
use gathering_scheduler::{Blocker, FiringId, Overlap, Pause, ScheduleView};
use jiff::Timestamp;
use serde_json::Value;

use super::super::payload::RUN_ID;
use super::{BlockerFacts, PIPELINE_NOT_FOUND, ScheduleBlocker};

/// How much is told of an error.
const MAX_SAID: usize = 500;

/// A blocker of the scheduler, in words.
pub(super) fn tell(blocker: Blocker, schedule: &ScheduleView, now: Timestamp) -> ScheduleBlocker {
    match blocker {
        Blocker::Paused(pause) => paused(pause),
        Blocker::Failing {
            times,
            firing_id,
            due_at,
            error,
        } => failing(times, (firing_id, due_at), error.as_ref()),
        Blocker::Ended { ended_at, spent } => over(ended_at, spent),
        Blocker::Overlap {
            policy,
            firing_id,
            due_at,
            buffered,
        } => overlap(policy, (firing_id, due_at), buffered),
        Blocker::AwaitsEnd { firing_id } => awaits_end(firing_id),
        Blocker::Missed { since, until, count } => missed((since, until), count),
        Blocker::ClockSetBack { decided } => clock_set_back(decided),
        Blocker::NotLookedAt { since } => not_looked_at(since),
        Blocker::NotDue {
            due_at,
            fires_at,
            excluded,
        } => not_due((due_at, fires_at), excluded, schedule, now),
        Blocker::Unreadable { reason } => unreadable(reason),
    }
}

/// Nobody is there to fire it.
pub(super) fn no_instance() -> ScheduleBlocker {
    let message =
        "no instance is alive, so nothing fires; start one. What is due meanwhile is treated by `misfire` then";
    blocker("no_instance", message, BlockerFacts::default())
}

/// What it starts is not there.
pub(super) fn no_pipeline(id: PipelineId) -> ScheduleBlocker {
    let message = format!(
        "pipeline {id}, which it starts, was deleted, so each firing fails; change the action of the schedule, or delete it"
    );
    let facts = BlockerFacts {
        pipeline_id: Some(id),
        ..BlockerFacts::default()
    };
    blocker(PIPELINE_NOT_FOUND, message, facts)
}

/// One sentence: the weightiest blocker, and how many others there are.
pub(super) fn sum_up(schedule: &ScheduleView, blockers: &[ScheduleBlocker]) -> String {
    let name = &schedule.name;
    let Some((first, others)) = blockers.split_first() else {
        return format!("Nothing holds `{name}` back: it fires now.");
    };
    let mut told = format!("`{name}`: {}", first.message);
    match others.len() {
        0 => {}
        1 => told.push_str(" (and one thing more, below)"),
        more => {
            // Writing into a text does not fail.
            let _ = write!(told, " (and {more} things more, below)");
        }
    }
    told.push('.');
    told
}

fn failing(times: u32, (firing_id, due_at): (FiringId, Timestamp), error: Option<&Json>) -> ScheduleBlocker {
    let error: Value = error.map_or(Value::Null, Json::to_value);
    let said = error["message"].as_str().unwrap_or("nothing was said about why");
    let said: String = said.chars().take(MAX_SAID).collect();
    let has_run = error[RUN_ID].is_string();
    let look = if has_run {
        format!("; GET /api/v1/runs/{firing_id} shows its run")
    } else {
        String::new()
    };
    let how_often = match times {
        1 => "its last firing failed".to_owned(),
        many => format!("its last {many} firings failed, the last one"),
    };
    let message = format!("{how_often} (due at {due_at}): {said}{look}");
    let facts = BlockerFacts {
        due_at: Some(due_at),
        firing_id: Some(firing_id),
        run_id: has_run.then(|| RunId::from(firing_id.as_uuid())),
        count: Some(i64::from(times)),
        reason: Some(said),
        ..BlockerFacts::default()
    };
    blocker("failing", message, facts)
}

fn paused(pause: Pause) -> ScheduleBlocker {
    let who = match pause.by {
        Some(by) => format!("user {by} paused it"),
        // It did so itself, or the command line did; the reason says which.
        None => "it was paused".to_owned(),
    };
    let message = format!(
        "{who} at {}: {}; resume it with POST …/resume, and it goes on with its next due time",
        pause.at, pause.reason
    );
    let facts = BlockerFacts {
        since: Some(pause.at),
        reason: Some(pause.reason),
        by: pause.by,
        ..BlockerFacts::default()
    };
    blocker("paused", message, facts)
}

fn over(ended_at: Option<Timestamp>, spent: bool) -> ScheduleBlocker {
    let message = match (ended_at, spent) {
        (Some(at), _) => format!("it ended at {at}, its `end_at`; change that, and it goes on"),
        (None, true) => "it has fired as often as `max_firings` lets it; raise that, and it goes on".to_owned(),
        (None, false) => "all its due times are over; change when it is due, and it goes on".to_owned(),
    };
    let facts = BlockerFacts {
        since: ended_at,
        max_firings_reached: Some(spent),
        ..BlockerFacts::default()
    };
    blocker("ended", message, facts)
}

fn overlap(policy: Overlap, (firing_id, due_at): (FiringId, Timestamp), buffered: u32) -> ScheduleBlocker {
    let run_id = RunId::from(firing_id.as_uuid());
    let meanwhile = match policy {
        Overlap::Skip => "what is due meanwhile is skipped",
        Overlap::BufferOne => "one firing waits for it, and what else is due is skipped",
        Overlap::BufferAll => "what is due meanwhile waits for it",
        Overlap::Allow | Overlap::CancelPrevious => "what is due meanwhile fires all the same",
    };
    let message = format!(
        "run {run_id} of the firing that was due at {due_at} has not ended, and {meanwhile} (`overlap` is {}, {buffered} waiting); \
         GET /api/v1/runs/{run_id} shows what that run is at",
        policy.as_str()
    );
    let facts = BlockerFacts {
        due_at: Some(due_at),
        overlap: Some(policy.as_str()),
        buffered: Some(buffered),
        ..of_run(firing_id)
    };
    blocker("overlap", message, facts)
}

fn awaits_end(firing_id: FiringId) -> ScheduleBlocker {
    let run_id = RunId::from(firing_id.as_uuid());
    let message = format!(
        "run {run_id} has not ended, and a fixed delay counts from its end; GET /api/v1/runs/{run_id} shows what that run is at"
    );
    blocker("awaits_end", message, of_run(firing_id))
}

fn missed((since, until): (Timestamp, Timestamp), count: Option<i64>) -> ScheduleBlocker {
    let many = match count {
        Some(1) => format!("the due time {until} was"),
        Some(count) => format!("{count} due times from {since} to {until} were"),
        None => format!("very many due times from {since} to {until} were"),
    };
    let message = format!(
        "{many} missed, because nobody looked at the schedule in time, and not made up for, because `misfire` says so; POST …/backfill fires them \
         after all"
    );
    let facts = BlockerFacts {
        since: Some(since),
        until: Some(until),
        count,
        ..BlockerFacts::default()
    };
    blocker("missed", message, facts)
}

fn clock_set_back(decided: Timestamp) -> ScheduleBlocker {
    let message = format!(
        "the clock of the database was set back: it shows a time before {decided}, up to which all has been decided on, whether it fired or was missed, \
         and nothing is twice; it goes on after that time. A new schedule with the same definition knows nothing of that, and is due as the clock shows; \
         POST …/trigger fires this one meanwhile"
    );
    let facts = BlockerFacts {
        until: Some(decided),
        ..BlockerFacts::default()
    };
    blocker("clock_set_back", message, facts)
}

fn not_looked_at(since: Timestamp) -> ScheduleBlocker {
    let message = format!(
        "it has been due since {since}, and no instance has looked at it: none works, they cannot keep up, or the database is slow; see \
         GET /api/v1/instances and the logs"
    );
    let facts = BlockerFacts {
        since: Some(since),
        ..BlockerFacts::default()
    };
    blocker("not_looked_at", message, facts)
}

fn not_due(
    (due_at, fires_at): (Timestamp, Timestamp),
    excluded: Option<Timestamp>,
    schedule: &ScheduleView,
    now: Timestamp,
) -> ScheduleBlocker {
    let rules = schedule.rules.as_ref();
    let zone = rules.map_or("UTC", |rules| rules.timezone.as_str());
    let local = match due_at.in_tz(zone) {
        Ok(local) if zone != "UTC" => format!(" ({local})"),
        Ok(_) | Err(_) => String::new(),
    };
    let jitter = if fires_at > due_at {
        format!(", and fires at {fires_at} by its jitter")
    } else {
        String::new()
    };
    let starts = rules.and_then(|rules| rules.start_at).filter(|start| *start > now);
    let starts = starts.map_or_else(String::new, |start| {
        format!("; nothing is due before its `start_at`, {start}")
    });
    let left_out = excluded.map_or_else(String::new, |excluded| {
        format!("; {excluded} before it is on a day that `exclude` leaves out")
    });
    let message = format!("its next due time, {due_at}{local}, has not come{jitter}{starts}{left_out}");
    let facts = BlockerFacts {
        due_at: Some(due_at),
        fires_at: Some(fires_at),
        excluded_at: excluded,
        ..BlockerFacts::default()
    };
    blocker("not_due", message, facts)
}

fn unreadable(reason: String) -> ScheduleBlocker {
    let message =
        format!("its rules cannot be read by this release ({reason}); run the one that saved it, or save it anew");
    let facts = BlockerFacts {
        reason: Some(reason),
        ..BlockerFacts::default()
    };
    blocker("unreadable", message, facts)
}

fn of_run(firing_id: FiringId) -> BlockerFacts {
    BlockerFacts {
        firing_id: Some(firing_id),
        run_id: Some(RunId::from(firing_id.as_uuid())),
        ..BlockerFacts::default()
    }
}

fn blocker(code: &'static str, message: impl Into<String>, facts: BlockerFacts) -> ScheduleBlocker {
    ScheduleBlocker {
        code,
        message: message.into(),
        facts,
    }
}
