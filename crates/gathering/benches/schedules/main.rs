//! W4: how long after their due time the runs of many schedules have started that are due in one second.
//!
//! `cargo xtask bench w4`. Each schedule starts a run of one node whose handler notes the time; the clock of this machine is that of its database.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and prints for people"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]

#[path = "../../../pipeline/benches/pipelines/database.rs"]
#[expect(dead_code, reason = "the engine's benchmarks use the rest")]
mod database;
#[path = "../../../pipeline/benches/pipelines/report.rs"]
mod report;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gathering::{
    Client, Gathering, HandlerError, Identity, Json, NewAccount, NewPipeline, NewSchedule, PipelineId, Registration,
};
use gathering_scheduler::Scheduler;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use database::Database;
use report::Report;

/// That of the server, whose time is measured here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many schedules are due in one second, and by when all of their runs are to have started.
const SIZES: [(usize, &str); 2] = [(1_000, "≤ 100 ms"), (10_000, "≤ 500 ms")];
/// How many schedules are due where the scheduler is measured alone.
const ALONE: usize = 10_000;
/// How many times each size is measured.
const ROUNDS: usize = 3;
/// How many schedules are saved at once.
const SAVERS: usize = 4;

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--json").skip(1);
    let json = arguments.next();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut database = Database::start();
    let mut report = Report::default();
    runtime.block_on(alone(&mut database, &mut report));
    for (count, aim) in SIZES {
        for round in 1..=ROUNDS {
            runtime.block_on(measure(&mut database, &mut report, (count, aim, round)));
        }
    }
    report.print();
    if let Some(path) = json {
        report.write(&path);
    }
}

/// What the scheduler itself costs, where firings mean nothing: 10,000 of them, in one transaction after the other.
async fn alone(database: &mut Database, report: &mut Report) {
    let pool = database.fresh().await;
    let scheduler = Scheduler::builder(pool.clone()).build();
    let mut client = pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let due = Timestamp::from_second(Timestamp::now().as_second() + 20).unwrap();
    for index in 0..ALONE {
        let rules = json!({"kind": "interval", "every": "1h", "start_at": due.to_string()});
        let new = gathering_scheduler::NewSchedule::new(format!("schedule {index}"), rules);
        scheduler.create_in(&tx, new).await.unwrap();
    }
    tx.commit().await.unwrap();
    let before = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
    tokio::time::sleep(before).await;
    let (used, began) = (database.usage(&pool).await, Instant::now());
    while scheduler.fire_due().await.unwrap().schedules > 0 {}
    let each = ALONE as f64;
    let (own, theirs, wal) = database.usage(&pool).await.since(&used);
    let figure = format!("{:.1} µs", began.elapsed().as_secs_f64() * 1e6 / each);
    report.add("a firing that means nothing, one transaction at a time", figure, "", "");
    let cost = format!(
        "{:.1} + {:.1} µs; {:.0} bytes",
        own * 1e3 / each,
        theirs * 1e3 / each,
        wal / each
    );
    report.add("  CPU: scheduler + database; WAL", cost, "", "");
}

async fn measure(database: &mut Database, report: &mut Report, (count, aim, round): (usize, &str, usize)) {
    let pool = database.fresh().await;
    let calls: Arc<Mutex<Vec<Timestamp>>> = Arc::default();
    let noted = calls.clone();
    let gathering = Gathering::builder(pool.clone())
        .registration(Registration::Open)
        .handler("noop", move |_call| {
            noted.lock().unwrap().push(Timestamp::now());
            async { Ok::<_, HandlerError>(Value::Null) }
        })
        .build()
        .await
        .unwrap();
    let work = gathering.start().await.unwrap();
    let user = user(&gathering).await;
    let pipeline = pipeline(&gathering, &user).await;
    let began = Instant::now();
    let due = save(&gathering, &user, pipeline, count).await;
    let saving = began.elapsed().as_secs_f64() * 1e3 / count as f64;
    let before = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
    tokio::time::sleep(before.saturating_sub(Duration::from_millis(200))).await;
    let usage = database.usage(&pool).await;
    while calls.lock().unwrap().len() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut late: Vec<f64> = calls
        .lock()
        .unwrap()
        .iter()
        .map(|at| at.duration_since(due).as_secs_f64() * 1e3)
        .collect();
    late.sort_by(f64::total_cmp);
    let (own, theirs, wal) = database.usage(&pool).await.since(&usage);
    let each = count as f64;
    let what = format!("W4: {count} schedules due at once, all runs started (round {round})");
    report.add(&what, format!("{:.0} ms", late.last().unwrap()), aim, "");
    report.add(
        "  first, half of them",
        format!("{:.0} ms, {:.0} ms", late[0], late[late.len() / 2]),
        "",
        "",
    );
    report.add(
        "  CPU a run: server + database; WAL",
        format!("{:.3} + {:.3} ms; {:.0} bytes", own / each, theirs / each, wal / each),
        "",
        "",
    );
    report.add("  saving one of them", format!("{saving:.2} ms"), "", "");
    work.shutdown(Duration::from_secs(10)).await;
}

async fn user(gathering: &Gathering) -> Identity {
    let password = || SecretString::from("correct horse battery");
    let account = NewAccount {
        email: "bench@example.org".to_owned(),
        password: password(),
        name: None,
        invitation: None,
    };
    gathering.register(account, &Client::default()).await.unwrap();
    let tokens = gathering
        .login("bench@example.org", password(), &Client::default())
        .await
        .unwrap();
    let token = tokens.access_token.expose_secret().to_owned();
    gathering.authenticate(&token, Client::default()).await.unwrap()
}

async fn pipeline(gathering: &Gathering, user: &Identity) -> PipelineId {
    let definition = json!({"nodes": [{"id": "note", "type": "action", "config": {"action": "noop"}}]});
    let new = NewPipeline {
        project_id: None,
        name: "noop".to_owned(),
        definition: Json::from_value(&definition),
    };
    gathering.create_pipeline(user, new).await.unwrap().summary.id
}

/// Saves schedules that are all due at one moment, which is a while after the last of them is saved.
async fn save(gathering: &Gathering, user: &Identity, pipeline: PipelineId, count: usize) -> Timestamp {
    let patience = 5 + i64::try_from(count / 600).unwrap();
    let due = Timestamp::from_second(Timestamp::now().as_second() + patience).unwrap();
    let mut savers = tokio::task::JoinSet::new();
    for saver in 0..SAVERS {
        let (gathering, user) = (gathering.clone(), user.clone());
        savers.spawn(async move {
            for index in (saver..count).step_by(SAVERS) {
                let definition = json!({"name": format!("schedule {index}"), "kind": "once", "at": due.to_string(),
                    "action": {"type": "execute_pipeline", "pipeline_id": pipeline, "input": {"day": "{{ firing.due_at }}"}}});
                let new = NewSchedule {
                    project_id: None,
                    definition: Json::from_value(&definition),
                };
                gathering.create_schedule(&user, new).await.unwrap();
            }
        });
    }
    savers.join_all().await;
    assert!(Timestamp::now() < due, "saving took too long");
    due
}
