//! Many schedules due each second, and every five seconds a server that is killed and started again.

use std::sync::Arc;
use std::time::Duration;

use gathering_domain::Clock as _;
use gathering_persistence::SystemClock;
use gathering_testkit::Client;
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::arguments::{Arguments, Part};
use crate::chance::Chance;
use crate::ground::{Ground, save};
use crate::judge;
use crate::lateness::Lateness;
use crate::outcome::Outcome;
use crate::rows;

/// How many instances there are.
pub(crate) const INSTANCES: usize = 3;
/// From one kill to the next.
const PACE: Duration = Duration::from_secs(5);
/// From the first due time to the first kill; a whole number of seconds, so that something is due just then.
const FIRST: Duration = Duration::from_secs(2);
/// For so many milliseconds after a due time its firings are under way.
const BUSY: usize = 250;
/// How many schedules are saved at once.
const SAVERS: usize = 16;
/// How long saving one of them may take.
const TO_SAVE: Duration = Duration::from_millis(12);
/// Longest wait for what was due to end, and for each 1,000 that were due.
const REST: (Duration, Duration) = (Duration::from_mins(1), Duration::from_secs(2));

/// From beginning to end.
pub(crate) async fn run(seed: u64, arguments: &Arguments) -> Outcome {
    let mut ground = Ground::new(INSTANCES).await;
    let start = start(&ground, arguments.schedules);
    let end = start + SignedDuration::from_secs(i64::from(arguments.seconds));
    let ids = save_all(&ground, arguments.schedules, (start, end)).await;
    let mut wrong = Vec::new();
    if SystemClock.now() > start {
        wrong.push(format!(
            "the schedules were to be due from {start} on, and it took longer to save them"
        ));
    }
    let (kills, fallen) = kill(&mut ground, seed, (start, end)).await;
    wrong.extend(fallen);
    let firings = u64::from(arguments.schedules) * u64::from(arguments.seconds);
    let limit = REST.0 + REST.1 * u32::try_from(firings / 1_000).unwrap_or(u32::MAX);
    wrong.extend(ground.rest(limit).await);
    let times = judge::each(start, SignedDuration::from_secs(1), arguments.seconds);
    let due = ids.into_iter().map(|id| (id, times.clone())).collect();
    judge(&ground, wrong, &due, &kills).await
}

async fn judge(ground: &Ground, mut wrong: Vec<String>, due: &judge::DueTimes, kills: &[Timestamp]) -> Outcome {
    let calls = rows::calls(&ground.receiver).unwrap_or_else(|odd| {
        wrong.push(odd);
        Vec::new()
    });
    let by = judge::by_due_time(&calls);
    wrong.extend(judge::received(&by, due));
    let fired = rows::fired(&ground.database).await;
    let missed = fired.iter().filter(|row| row.status == "missed");
    wrong.extend(missed.map(|row| {
        format!(
            "schedule {} missed {}, although all is to be made up for",
            row.schedule, row.due
        )
    }));
    wrong.extend(judge::recorded(&fired, due, &by));
    let first = by.values().filter_map(|requests| requests.first().copied());
    Outcome {
        part: Part::Storm,
        schedules: due.len(),
        firings: by.len(),
        missed: 0,
        repeats: calls.len() - by.len(),
        kills: ground.fleet.kills,
        lateness: Some(Lateness::of(first, kills)),
        wrong,
        logs: ground.fleet.logs(),
    }
}

/// A whole second by which all of them will have been saved.
fn start(ground: &Ground, schedules: u32) -> Timestamp {
    let soon = ground.now() + Duration::from_secs(4) + TO_SAVE * schedules;
    soon.round(Unit::Second).unwrap_or(soon)
}

async fn save_all(ground: &Ground, count: u32, (start, end): (Timestamp, Timestamp)) -> Vec<String> {
    let schedule = |number: u32| {
        json!({"name": format!("storm {number}"), "kind": "interval", "every": "1s", "start_at": start, "end_at": end,
               "misfire": {"policy": "fire_all", "max": 1_000}, "action": ground.action()})
    };
    let all: Arc<Vec<Value>> = Arc::new((0..count).map(schedule).collect());
    let mut savers = JoinSet::new();
    for saver in 0..SAVERS {
        let (client, all) = (ground.client.clone(), Arc::clone(&all));
        savers.spawn(save_some(client, all, saver));
    }
    savers.join_all().await.concat()
}

async fn save_some(client: Client, all: Arc<Vec<Value>>, first: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for schedule in all.iter().skip(first).step_by(SAVERS) {
        ids.push(save(&client, schedule).await);
    }
    ids
}

/// Kills one after the other until the end; gives when, and who ended by itself.
async fn kill(ground: &mut Ground, seed: u64, (start, end): (Timestamp, Timestamp)) -> (Vec<Timestamp>, Vec<String>) {
    let chance = Chance::new(seed, 1);
    let bar = ProgressBar::new(end.duration_since(start).as_secs().unsigned_abs());
    let (mut kills, mut fallen) = (Vec::new(), Vec::new());
    let mut next = start + FIRST;
    while next < end {
        // Most while what was due just now is under way, the others at any part of a second.
        let latest = if chance.percent(75) { BUSY } else { 999 };
        wait_until(next + chance.millis(0, latest), start, &bar).await;
        let instance = chance.below(INSTANCES);
        fallen.extend(ground.fleet.fallen());
        ground.fleet.kill(instance);
        kills.push(SystemClock.now());
        ground.fleet.spawn_all().await;
        next += PACE;
    }
    wait_until(end, start, &bar).await;
    bar.finish_and_clear();
    fallen.extend(ground.fleet.fallen());
    (kills, fallen)
}

/// Until then, and tells how far it is.
async fn wait_until(then: Timestamp, start: Timestamp, bar: &ProgressBar) {
    loop {
        let now = SystemClock.now();
        bar.set_position(u64::try_from(now.duration_since(start).as_secs()).unwrap_or_default());
        let left = Duration::try_from(then.duration_since(now)).unwrap_or_default();
        if left.is_zero() {
            return;
        }
        sleep(left.min(Duration::from_millis(500))).await;
    }
}
