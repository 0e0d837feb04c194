//! The database's clock is set forward and back by minutes while much is due, and a server is killed in the middle of it.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::arguments::Part;
use crate::chance::Chance;
use crate::ground::{Ground, SCHEDULES};
use crate::judge::{self, DueTimes, Fired};
use crate::outcome::Outcome;
use crate::rows;
use crate::storm::INSTANCES;

/// Each due every second: of a step of minutes there is much to make up for.
const COUNT: usize = 24;
/// How often the clock is set.
const STEPS: usize = 8;
/// Longest wait for everything to come to rest.
const LIMIT: Duration = Duration::from_mins(3);
/// How long before it was paused a schedule must have fired at the latest.
const LATEST: SignedDuration = SignedDuration::from_secs(5);

/// From beginning to end.
pub(crate) async fn run(seed: u64) -> Outcome {
    let mut ground = Ground::new(INSTANCES).await;
    let soon = ground.now() + Duration::from_secs(4);
    let start = soon.round(Unit::Second).unwrap_or(soon);
    let mut ids = Vec::new();
    for number in 0..COUNT {
        ids.push(ground.save(&schedule(&ground, number, start)).await);
    }
    let chance = Chance::new(seed, 2);
    let mut wrong = set_again_and_again(&mut ground, &chance).await;
    wrong.extend(ground.rest(LIMIT).await);
    let paused = ground.now();
    let client = ground.fleet.at_any(&ground.client);
    for id in &ids {
        let answer = client
            .post(&format!("{SCHEDULES}/{id}/pause"), &json!({"reason": "enough"}))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.json);
    }
    wrong.extend(ground.rest(LIMIT).await);
    judge(&mut ground, wrong, &ids, (start, paused)).await
}

/// Of each policy as many.
fn schedule(ground: &Ground, number: usize, start: Timestamp) -> Value {
    let misfire = match number % 4 {
        0 => json!({"policy": "fire_all", "max": 1_000}),
        1 => json!({"policy": "fire_all", "max": 20}),
        2 => json!({"policy": "fire_once"}),
        _ => json!({"policy": "skip"}),
    };
    json!({"name": format!("clock {number}"), "kind": "interval", "every": "1s", "start_at": start, "misfire": misfire, "action": ground.action()})
}

/// Forward and back in turns, and forward at last by as much as it was ever ahead; a server is killed on the way.
async fn set_again_and_again(ground: &mut Ground, chance: &Chance) -> Vec<String> {
    let bar = ProgressBar::new(STEPS as u64);
    let mut wrong = Vec::new();
    let mut furthest = ground.now();
    sleep(Duration::from_secs(5)).await;
    for step in 0..STEPS {
        let seconds = i64::try_from(20 + chance.below(160)).unwrap_or_default();
        furthest = furthest.max(ground.now());
        ground.step(if step % 2 == 0 { seconds } else { -seconds }).await;
        sleep(chance.millis(2_000, 5_000)).await;
        if step == STEPS / 2 {
            ground.fleet.kill(chance.below(INSTANCES));
            ground.fleet.spawn_all().await;
        }
        wrong.extend(ground.fleet.fallen());
        bar.inc(1);
    }
    let behind = furthest.max(ground.now()).duration_since(ground.now()).as_secs();
    ground.step(behind + 2).await;
    sleep(Duration::from_secs(3)).await;
    bar.finish_and_clear();
    wrong
}

async fn judge(
    ground: &mut Ground,
    mut wrong: Vec<String>,
    ids: &[String],
    (start, paused): (Timestamp, Timestamp),
) -> Outcome {
    let calls = rows::calls(&ground.receiver).unwrap_or_else(|odd| {
        wrong.push(odd);
        Vec::new()
    });
    let fired = rows::fired(&ground.database).await;
    let by = judge::by_due_time(&calls);
    let mut due = DueTimes::new();
    for id in ids {
        let last = last(&fired, id).unwrap_or(start);
        if last < paused - LATEST {
            wrong.push(format!(
                "schedule {id} decided on nothing between {last} and {paused}, when it was paused"
            ));
        }
        let times = last.duration_since(start).as_secs() + 1;
        due.insert(
            id.clone(),
            judge::each(
                start,
                SignedDuration::from_secs(1),
                u32::try_from(times).unwrap_or_default(),
            ),
        );
    }
    wrong.extend(judge::without_missed(&fired, &mut due));
    wrong.extend(judge::received(&by, &due));
    wrong.extend(judge::recorded(&fired, &due, &by));
    Outcome {
        part: Part::Clock,
        schedules: ids.len(),
        firings: by.len(),
        missed: fired.iter().filter_map(|row| row.missed).map(|(_, count)| count).sum(),
        repeats: calls.len() - by.len(),
        kills: ground.fleet.kills,
        lateness: None,
        wrong,
        logs: ground.fleet.logs(),
    }
}

/// The last due time that was decided on.
fn last(fired: &[Fired], id: &str) -> Option<Timestamp> {
    let own: BTreeSet<Timestamp> = fired
        .iter()
        .filter(|row| row.schedule == id)
        .map(|row| row.due)
        .collect();
    own.last().copied()
}
