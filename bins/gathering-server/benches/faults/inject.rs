//! Makes faults happen.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gathering_domain::{Clock as _, RunId};
use gathering_persistence::SystemClock;
use gathering_testkit::{Answer, Receiver, Shutdown, TestDatabase};
use reqwest::Method;
use reqwest::header::DATE;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::clock::disagrees;
use crate::course::Course;
use crate::pipelines::{KILLER, KILLER_NODE};
use crate::schedule::{Fault, Table};

/// Longest wait for something that the others must do.
const LIMIT: Duration = Duration::from_secs(30);

/// How many processes a node takes along before it is put into quarantine, at the least.
pub(crate) const DEATHS: usize = 3;

/// And at the most: others are tried together with it, in groups of up to 64, which each death halves.
const MOST_DEATHS: usize = 12;

/// Makes a fault happen, and ends it, but for what it leaves open in the background.
pub(crate) async fn inject(course: &mut Course, fault: &Fault, background: &mut JoinSet<()>) {
    match *fault {
        Fault::Kill { instance, down } => kill(course, instance, down).await,
        Fault::KillAgainAndAgain { instance, times } => {
            for _ in 0..times {
                kill(course, instance, Duration::ZERO).await;
                sleep(course.chance.millis(50, 300)).await;
            }
        }
        Fault::KillCutOff { instance, silent } => kill_cut_off(course, instance, silent).await,
        Fault::KillAndArriveLate { instance, late } => kill_and_arrive_late(course, instance, late).await,
        Fault::Pause { instance, pause } => {
            course.fleet.pause(instance);
            sleep(pause).await;
            course.fleet.resume(instance);
        }
        Fault::FallSilent { instance, silent } => {
            course.fleet.line(instance).fall_silent();
            sleep(silent).await;
            course.fleet.line(instance).speak();
        }
        Fault::LoseAnswers { instance, times, count } => {
            for _ in 0..times {
                course.fleet.line(instance).lose_answers(count);
                sleep(course.chance.millis(30, 150)).await;
            }
        }
        Fault::StopDatabase { how, away } => stop_database(&course.database, how, away).await,
        Fault::EndSessions { times, most } => end_sessions(course, times, most).await,
        Fault::LockTable { table, held } => drop(background.spawn(lock(course.database.clone(), table, held))),
        Fault::OpenTransaction { open } => drop(background.spawn(stay_open(course.database.clone(), open))),
        Fault::Burst { runs } => burst(course, runs, background),
        Fault::Terminate { instance } => {
            let wrong = course.fleet.terminate(instance, &course.load.doors).await;
            course.odd.extend(wrong);
            course.fleet.spawn(instance, &course.load.doors).await;
        }
        Fault::StepClock { instance, seconds } => step_clock(course, instance, seconds).await,
        Fault::NodeKills => node_kills(course).await,
    }
}

async fn kill(course: &mut Course, instance: usize, down: Duration) {
    course.fleet.kill(instance, &course.load.doors);
    sleep(down).await;
    course.fleet.spawn(instance, &course.load.doors).await;
}

async fn kill_cut_off(course: &mut Course, instance: usize, silent: Duration) {
    course.fleet.line(instance).fall_silent();
    sleep(silent).await;
    course.fleet.kill(instance, &course.load.doors);
    course.fleet.line(instance).cut();
    course.fleet.line(instance).speak();
    course.fleet.spawn(instance, &course.load.doors).await;
}

async fn kill_and_arrive_late(course: &mut Course, instance: usize, late: Duration) {
    course.fleet.line(instance).fall_silent();
    sleep(course.chance.millis(20, 200)).await;
    course.fleet.kill(instance, &course.load.doors);
    sleep(late).await;
    course.fleet.line(instance).speak();
    course.fleet.spawn(instance, &course.load.doors).await;
}

/// Steps the clock, and sees to it that the process goes by it.
async fn step_clock(course: &mut Course, instance: usize, seconds: i64) {
    course.stepped.get_or_insert_with(|| SystemClock.now());
    course.load.misled.store(true, Ordering::Relaxed);
    course.fleet.clock(instance).step(seconds);
    let Some(client) = course.load.doors.client(instance) else {
        return;
    };
    let end = Instant::now() + LIMIT;
    // What a process says of the time in its answers, it looks up every half second.
    loop {
        let request = client.request(Method::GET, "/health/live");
        let Ok(answer) = client.try_send(request).await else {
            return;
        };
        let odd = disagrees(answer.headers.get(DATE.as_str()), seconds, SystemClock.now());
        if odd.is_none() || Instant::now() > end {
            course.odd.extend(odd);
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn stop_database(database: &TestDatabase, how: Option<Shutdown>, away: Duration) {
    match how {
        Some(how) => database.cluster().stop(how),
        None => database.cluster().kill9(),
    }
    sleep(away).await;
    database.cluster().restart().await;
}

async fn end_sessions(course: &Course, times: usize, most: i64) {
    for time in 0..times {
        let seed = format!("{}-{time}", course.seed);
        // It fails where a fault before it has left the database on its way down: then the sessions are ended anyway.
        course.database.terminate_some(most, &seed).await.ok();
        sleep(course.chance.millis(20, 150)).await;
    }
}

async fn lock(database: std::sync::Arc<TestDatabase>, table: Table, held: Duration) {
    // A fault that ends sessions may end this one, too.
    database.in_transaction(table.lock(), sleep(held)).await.ok();
}

async fn stay_open(database: std::sync::Arc<TestDatabase>, open: Duration) {
    let heads = "SELECT id FROM runs WHERE status IN ('queued', 'running') ORDER BY id DESC LIMIT 20 FOR UPDATE";
    database.in_transaction(heads, sleep(open)).await.ok();
}

fn burst(course: &mut Course, runs: usize, background: &mut JoinSet<()>) {
    course.bursts += 1;
    let burst = u64::from(course.bursts);
    for number in 0..runs {
        let load = course.load.clone();
        let chance = Chance::new(course.seed, 10_000 * burst + u64::try_from(number).unwrap_or_default());
        background.spawn(async move {
            let pipeline = &load.pipelines[number % load.pipelines.len()];
            load.start(&chance, pipeline, &format!("burst-{burst}-{number}"), number)
                .await;
        });
    }
}

/// Starts a run whose node calls a receiver, kills whoever has called until nobody calls any more, and releases the node once it is harmless.
async fn node_kills(course: &mut Course) {
    course.receiver.answer(KILLER, Answer::status(200).delay(LIMIT * 2));
    let Some(run) = course.load.start(&course.chance, &course.killer, "killer", 0).await else {
        return;
    };
    course.killers.push(run);
    let mut deaths = 0;
    while !quarantined(course, run, deaths).await {
        if deaths == MOST_DEATHS || calls(&course.receiver, run) <= deaths {
            let odd = format!(
                "the node that kills was not in quarantine after {deaths} deaths, and not called again within {LIMIT:?}"
            );
            course.odd.push(odd);
            return;
        }
        let Some(instance) = owner(course, run).await else {
            course
                .odd
                .push(format!("nobody owns run {run}, although its node has called"));
            return;
        };
        kill(course, instance, Duration::ZERO).await;
        deaths += 1;
    }
    course.receiver.answer(KILLER, Answer::status(200));
    if !released(course, run, deaths).await {
        course.odd.push(format!(
            "the node of run {run} killed {deaths} processes and could not be released from quarantine within {LIMIT:?}"
        ));
    }
}

/// Asks for the release until the node calls again: an answer may be lost, and before the quarantine there is nothing to release.
async fn released(course: &Course, run: RunId, deaths: usize) -> bool {
    let path = format!("/api/v1/runs/{run}/nodes/{KILLER_NODE}/release");
    let end = Instant::now() + LIMIT;
    while calls(&course.receiver, run) <= deaths && Instant::now() < end {
        course.load.ask(&course.chance, &path, Some(&json!({})), None).await;
        sleep(Duration::from_millis(50)).await;
    }
    calls(&course.receiver, run) > deaths
}

/// Waits until the node is in quarantine, `true`, or has called once more than processes have died under it.
async fn quarantined(course: &Course, run: RunId, deaths: usize) -> bool {
    let sql = "SELECT kind FROM run_journal WHERE run_id = $1::text::uuid AND kind = 'node_quarantined'";
    let end = Instant::now() + LIMIT;
    while calls(&course.receiver, run) <= deaths && Instant::now() < end {
        let found = course.database.texts(sql, &run.to_string()).await;
        if found.is_ok_and(|found| !found.is_empty()) {
            return true;
        }
        sleep(Duration::from_millis(10)).await;
    }
    false
}

fn calls(receiver: &Receiver, run: RunId) -> usize {
    let key = format!("{run}/{KILLER_NODE}");
    let requests = receiver.requests_to(KILLER);
    requests
        .iter()
        .filter(|request| request.idempotency_key() == Some(&key))
        .count()
}

async fn owner(course: &Course, run: RunId) -> Option<usize> {
    let sql = "SELECT owner::text FROM runs WHERE id = $1::text::uuid AND owner IS NOT NULL";
    let owners = course.database.texts(sql, &run.to_string()).await.ok()?;
    course.fleet.of_id(owners.first()?)
}
