//! Over random rules, zones and clocks that are set: the firings are those of the rules, none twice, none lost.

use std::collections::BTreeSet;
use std::time::Duration;

use gathering_domain::schedule::rules::Rules;
use gathering_scheduler::{FiringQuery, FiringStatus, MisfirePolicy, ScheduleId, Timestamp};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::{World, at};

const CASES: usize = 60;

fn rules() -> impl Strategy<Value = Value> {
    let patterns = prop::sample::select(vec![
        "* * * * *",
        "*/7 * * * *",
        "30 2 * * *",
        "0 2,3 * * *",
        "0 */2 * * *",
        "*/20 * * * * *",
        "0 0 * * 1-5",
        "15 1-3 * * *",
        "0 0 L * *",
    ]);
    let zones = prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Africa/Casablanca",
    ]);
    let policies = prop::sample::select(vec!["skip", "fire_once", "fire_all"]);
    let folds = prop::sample::select(vec!["first", "second", "both"]);
    let gaps = prop::sample::select(vec!["skip", "shift"]);
    let every = prop::sample::select(vec!["1s", "17s", "5m", "90m", "1d"]);
    let misfire = (
        policies,
        1..20_u32,
        prop::sample::select(vec!["10m", "6h", "3d"]),
        prop::sample::select(vec!["1s", "1m", "30m"]),
    );
    let jitters = prop::sample::select(vec!["0s", "0s", "3m", "1d"]);
    let rules = (any::<bool>(), patterns, every, zones, (folds, gaps), misfire).prop_map(|(cron, pattern, every, zone, (fold, gap), misfire)| {
        let (policy, max, window, grace) = misfire;
        let misfire = json!({"policy": policy, "max": max, "window": window, "grace": grace});
        if cron {
            json!({"kind": "cron", "cron": pattern, "timezone": zone, "misfire": misfire, "dst": {"fold": fold, "gap": gap}})
        } else {
            json!({"kind": "interval", "every": every, "timezone": zone, "misfire": misfire})
        }
    });
    (rules, jitters).prop_map(|(mut rules, jitter)| {
        rules["jitter"] = json!(jitter);
        rules
    })
}

/// Where the clock stands at each look, in seconds from the one before: mostly on, sometimes far, sometimes back.
fn moves() -> impl Strategy<Value = Vec<i64>> {
    let step = prop_oneof![6 => 1..120_i64, 3 => 120..10_000_i64, 1 => 10_000..300_000_i64, 1 => -20_000..0_i64];
    prop::collection::vec(step, 1..12)
}

/// What the rules say, look by look: due times that fired, and those that were missed.
struct Model {
    id: ScheduleId,
    rules: Rules,
    anchor: Timestamp,
    decided: Timestamp,
    fired: Vec<Timestamp>,
    missed: Vec<Timestamp>,
}

impl Model {
    fn look(&mut self, now: Timestamp) {
        let table = self.rules.timetable(self.anchor).unwrap();
        let all = std::iter::successors(table.next(self.decided), |due| table.next(*due));
        let due: Vec<Timestamp> = all.take_while(|due| table.fires_at(self.id, *due) <= now).collect();
        let Some(last) = due.last() else {
            return;
        };
        self.decided = *last;
        let older = |at: &Timestamp, than: Duration| now.duration_since(*at) > SignedDuration::try_from(than).unwrap();
        let misfire = self.rules.misfire;
        let (late, in_time): (Vec<_>, Vec<_>) = due
            .into_iter()
            .partition(|at| older(&table.fires_at(self.id, *at), misfire.grace));
        let keep = match misfire.policy {
            MisfirePolicy::Skip => 0,
            MisfirePolicy::FireOnce => 1,
            MisfirePolicy::FireAll => misfire.max as usize,
        };
        let first = late.len().saturating_sub(keep);
        for (index, at) in late.into_iter().enumerate() {
            if index >= first && !older(&at, misfire.window) {
                self.fired.push(at);
            } else {
                self.missed.push(at);
            }
        }
        self.fired.extend(in_time);
    }
}

async fn check(world: &World, rules: Value, start: Timestamp, moves: &[i64]) {
    world.clock.set(start);
    let told = format!("{rules} from {start} by {moves:?}");
    let id = world.schedule(rules.clone()).await;
    let object: Map<String, Value> = serde_json::from_value(rules).unwrap();
    let mut model = Model {
        id,
        rules: Rules::parse(&object).unwrap(),
        anchor: start,
        decided: start,
        fired: Vec::new(),
        missed: Vec::new(),
    };
    let other = world.another().await;
    let mut now = start;
    for step in moves {
        now = now.checked_add(SignedDuration::from_secs(*step)).unwrap();
        world.clock.set(now);
        // Two at once: which of them fires is nobody's business.
        let (one, two) = tokio::join!(world.scheduler.fire_due(), other.fire_due());
        assert!(one.is_ok() && two.is_ok(), "{told}");
        world.fire().await;
        model.look(now);
    }
    let done = world.done(id).await;
    let distinct: BTreeSet<_> = done.iter().copied().collect();
    assert_eq!(distinct.len(), done.len(), "something fired twice: {told}");
    assert_eq!(distinct, model.fired.iter().copied().collect(), "{told}");
    check_missed(world, id, &model, &told).await;
    assert!(world.scheduler.delete(id, None).await.unwrap());
}

/// Each missed time is in one of the rows that tell of them, and these tell of no other.
async fn check_missed(world: &World, id: gathering_scheduler::ScheduleId, model: &Model, told: &str) {
    // Asked for alone: of those that fired there may be more than a page takes.
    let query = FiringQuery {
        status: Some(FiringStatus::Missed),
        limit: 10_000,
        ..FiringQuery::default()
    };
    let rows = world.scheduler.firings(id, query).await.unwrap().items;
    for row in &rows {
        let covered = model
            .missed
            .iter()
            .filter(|at| (row.missed_since.unwrap()..=row.due_at).contains(at))
            .count();
        if let Some(count) = row.missed_count {
            assert_eq!(i64::try_from(covered).unwrap(), count, "{told}");
        } else {
            assert!(covered > 10_000, "{told}");
        }
    }
    let is_told = |at: &&Timestamp| {
        rows.iter()
            .any(|row| (row.missed_since.unwrap()..=row.due_at).contains(at))
    };
    let lost: Vec<_> = model.missed.iter().filter(|at| !is_told(at)).collect();
    assert!(lost.is_empty(), "{lost:?} were lost: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn firings_are_those_of_the_rules_whatever_the_clock_does() {
    let world = World::new().await;
    let mut runner = TestRunner::new(Config::default());
    let starts = prop::sample::select(vec![
        "2026-03-28T20:00:00Z",
        "2026-10-24T20:00:00Z",
        "2026-03-07T22:00:00Z",
        "2026-10-31T22:00:00Z",
        "2026-04-04T10:00:00Z",
    ]);
    let cases = (rules(), starts, moves());
    for _ in 0..CASES {
        let (rules, start, moves) = cases.new_tree(&mut runner).unwrap().current();
        check(&world, rules, at(start), &moves).await;
    }
}
