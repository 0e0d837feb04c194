//! No server for an hour, with a schedule of each policy; what each then fires, and what it tells as missed.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::arguments::Part;
use crate::ground::{Ground, SCHEDULES};
use crate::judge::{self, Call, DueTimes, Fired};
use crate::outcome::Outcome;
use crate::rows;

/// Longest wait for something to come to rest.
const LIMIT: Duration = Duration::from_mins(1);
/// Each schedule is due so often.
const EVERY: SignedDuration = SignedDuration::from_mins(10);
/// From the first due time until a server is there again: six were missed, the last one longer ago than any grace.
const AWAY: SignedDuration = SignedDuration::from_mins(65);

/// A schedule, and which of the due times 1 to 6 it fires afterwards; the others are missed, unless it is paused.
struct Case {
    name: &'static str,
    rules: Value,
    fires: &'static [u32],
    tells: bool,
}

fn cases() -> Vec<Case> {
    let case = |name, rules, fires| Case {
        name,
        rules,
        fires,
        tells: true,
    };
    vec![
        case("skip", json!({"misfire": {"policy": "skip"}}), &[]),
        case("nothing said", json!({}), &[6]),
        case("fire_once", json!({"misfire": {"policy": "fire_once"}}), &[6]),
        case(
            "fire_once, window of a minute",
            json!({"misfire": {"policy": "fire_once", "window": "1m"}}),
            &[],
        ),
        case(
            "fire_all",
            json!({"misfire": {"policy": "fire_all"}}),
            &[1, 2, 3, 4, 5, 6],
        ),
        case(
            "fire_all, 2 at most",
            json!({"misfire": {"policy": "fire_all", "max": 2}}),
            &[5, 6],
        ),
        case(
            "fire_all, window of 34 minutes",
            json!({"misfire": {"policy": "fire_all", "window": "34m"}}),
            &[4, 5, 6],
        ),
        case(
            "fire_all, one after the other",
            json!({"misfire": {"policy": "fire_all"}, "overlap": "skip"}),
            &[1, 2, 3, 4, 5, 6],
        ),
        case(
            "skip, grace of an hour",
            json!({"misfire": {"policy": "skip", "grace": "1h"}}),
            &[1, 2, 3, 4, 5, 6],
        ),
        Case {
            tells: false,
            ..case("paused", json!({}), &[])
        },
    ]
}

/// From beginning to end.
pub(crate) async fn run() -> Outcome {
    let mut ground = Ground::new(1).await;
    let soon = ground.now() + Duration::from_secs(3);
    let start = soon.round(Unit::Second).unwrap_or(soon);
    let cases = cases();
    let mut ids = Vec::new();
    for case in &cases {
        let mut schedule = json!({"name": case.name, "kind": "interval", "every": "10m", "start_at": start, "action": ground.action()});
        merge(&mut schedule, &case.rules);
        ids.push(ground.save(&schedule).await);
    }
    let mut wrong = Vec::new();
    wait_until(&ground, start + SignedDuration::from_secs(1)).await;
    wrong.extend(ground.rest(LIMIT).await);
    for (case, id) in cases.iter().zip(&ids).filter(|(case, _)| !case.tells) {
        let paused = ground
            .client
            .post(&format!("{SCHEDULES}/{id}/pause"), &json!({"reason": case.name}))
            .await;
        assert_eq!(paused.status, 200, "{}", paused.json);
    }
    wrong.extend(ground.fleet.stop_all().await);
    set(&mut ground, start + AWAY).await;
    ground.fleet.spawn_all().await;
    wait_until(&ground, start + AWAY + SignedDuration::from_secs(3)).await;
    wrong.extend(ground.rest(LIMIT).await);
    // It goes on on time afterwards.
    set(&mut ground, start + EVERY * 7 - SignedDuration::from_secs(2)).await;
    wait_until(&ground, start + EVERY * 7 + SignedDuration::from_secs(1)).await;
    wrong.extend(ground.rest(LIMIT).await);
    judge(&ground, wrong, (&cases, &ids), start).await
}

/// Sets the clock forward to then.
async fn set(ground: &mut Ground, then: Timestamp) {
    let seconds = then.duration_since(ground.now()).as_secs();
    ground.step(seconds).await;
}

async fn wait_until(ground: &Ground, then: Timestamp) {
    let left = then.duration_since(ground.now());
    sleep(Duration::try_from(left).unwrap_or_default()).await;
}

fn merge(schedule: &mut Value, rules: &Value) {
    for (name, value) in rules.as_object().into_iter().flatten() {
        schedule[name] = value.clone();
    }
}

async fn judge(
    ground: &Ground,
    mut wrong: Vec<String>,
    (cases, ids): (&[Case], &[String]),
    start: Timestamp,
) -> Outcome {
    let calls = rows::calls(&ground.receiver).unwrap_or_else(|odd| {
        wrong.push(odd);
        Vec::new()
    });
    let fired = rows::fired(&ground.database).await;
    let by = judge::by_due_time(&calls);
    let mut due = DueTimes::new();
    let nth = |number: &u32| start + EVERY * i32::try_from(*number).unwrap_or_default();
    for (case, id) in cases.iter().zip(ids) {
        let last = case.tells.then_some(7);
        let times: BTreeSet<Timestamp> = [0].iter().chain(case.fires).chain(&last).map(nth).collect();
        let missed: Vec<u32> = (1..=6)
            .filter(|number| case.tells && !case.fires.contains(number))
            .collect();
        let missed = missed
            .first()
            .zip(missed.last())
            .map(|(first, last)| (nth(first), nth(last), missed.len() as u64));
        wrong.extend(tells(case, missed, fired.iter().filter(|row| row.schedule == *id)));
        wrong.extend(in_order(case, calls.iter().filter(|call| call.schedule == *id)));
        due.insert(id.clone(), times);
    }
    wrong.extend(judge::received(&by, &due));
    wrong.extend(judge::recorded(&fired, &due, &by));
    Outcome {
        part: Part::Down,
        schedules: ids.len(),
        firings: by.len(),
        missed: fired.iter().filter_map(|row| row.missed).map(|(_, count)| count).sum(),
        repeats: calls.len() - by.len(),
        kills: 0,
        lateness: None,
        wrong,
        logs: ground.fleet.logs(),
    }
}

/// What it tells as missed must be that: the first, the last, and how many.
fn tells<'a>(
    case: &Case,
    missed: Option<(Timestamp, Timestamp, u64)>,
    rows: impl Iterator<Item = &'a Fired>,
) -> Option<String> {
    let told: Vec<_> = rows
        .filter_map(|row| row.missed.map(|(since, count)| (since, row.due, count)))
        .collect();
    let expected: Vec<_> = missed.into_iter().collect();
    (told != expected).then(|| format!("{}: told as missed was {told:?} instead of {expected:?}", case.name))
}

/// What waits for each other comes in its order.
fn in_order<'a>(case: &Case, calls: impl Iterator<Item = &'a Call>) -> Option<String> {
    let due: Vec<Timestamp> = calls.map(|call| call.due).collect();
    let alone = case.rules["overlap"] == "skip";
    (alone && !due.is_sorted()).then(|| format!("{}: called in the order {due:?}", case.name))
}
