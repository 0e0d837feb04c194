//! `gathering schedules`, beside a server at work and without one.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gathering_testkit::{Client, Receiver, Server, ServerOptions, TestDatabase, until};
use serde_json::{Value, json};

use crate::support::{Directory, binary};

const LIMIT: Duration = Duration::from_mins(1);

pub(crate) fn schedules(database: &TestDatabase, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("schedules").args(arguments);
    command.env("DATABASE_URL", database.url()).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command that succeeds prints.
pub(crate) fn printed(database: &TestDatabase, arguments: &[&str]) -> String {
    let output = schedules(database, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    text(&output.stdout)
}

pub(crate) fn printed_json(database: &TestDatabase, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(database, arguments)).unwrap()
}

/// What a command comes to that has this on its standard input.
pub(crate) fn fed(database: &TestDatabase, arguments: &[&str], input: &Value) -> Output {
    let mut command = Command::new(binary());
    command.arg("schedules").args(arguments);
    command.env("DATABASE_URL", database.url());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that is refused for what was typed does not read it.
    drop(child.stdin.take().unwrap().write_all(input.to_string().as_bytes()));
    child.wait_with_output().unwrap()
}

/// A schedule that is due far away.
async fn yearly(client: &Client, url: &str) -> String {
    let new = json!({"name": "yearly", "kind": "cron", "cron": "0 0 1 1 *",
        "action": {"type": "call_api", "method": "POST", "url": url, "body": {}}});
    let saved = client.post("/api/v1/schedules", &new).await;
    assert_eq!(saved.status, 201, "{}", saved.json);
    saved.json["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_next_times_of_a_pattern_need_no_database() {
    let next = |arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["schedules", "next"]).args(arguments);
        command
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:9/none")
            .output()
            .unwrap()
    };
    let berlin = [
        "--timezone",
        "Europe/Berlin",
        "--after",
        "2026-03-28T12:00:00Z",
        "-n",
        "2",
    ];
    let told = next(&[&["30 2 * * *"], &berlin[..]].concat());
    assert_eq!(
        text(&told.stdout),
        "Sun 2026-03-29 03:00:00 +02:00  2026-03-29T01:00:00Z\nMon 2026-03-30 02:30:00 +02:00  2026-03-30T00:30:00Z\n"
    );
    let skipped = next(&[&["30 2 * * *", "--gap", "skip", "--json"], &berlin[..]].concat());
    let skipped: Value = serde_json::from_slice(&skipped.stdout).unwrap();
    assert_eq!(skipped[0]["due_at"], "2026-03-30T00:30:00Z");
    for (arguments, said) in [
        (&["61 * * * *"][..], "cron: "),
        (&["0 0 30 2 *"], "no time fits this pattern"),
        (
            &["@daily", "--timezone", "Europe/Berln"],
            "did you mean `Europe/Berlin`?",
        ),
        (&["@daily", "--gap", "jump"], "dst.gap: "),
    ] {
        let refused = next(arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(
            text(&refused.stderr).contains(said),
            "{arguments:?}: {}",
            text(&refused.stderr)
        );
    }
    assert_eq!(next(&["@daily", "-n", "0"]).status.code(), Some(2));
}

/// What the audit says was done on the command line.
pub(crate) async fn operated(database: &TestDatabase) -> Vec<String> {
    let connection = database.pool().await.get().await.unwrap();
    let done = "SELECT action FROM audit WHERE address = 'command line' ORDER BY seq";
    let rows = connection.query(done, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn where_no_database_is_none_is_made_to_look_at() {
    let directory = Directory::new();
    let mistyped = directory.0.join("mistyped");
    let id = "0193c3f2-0000-7000-8000-000000000000";
    for arguments in [
        &["schedules", "list"][..],
        &["schedules", "why", id],
        &["schedules", "pause", id, "a move"],
        &["keys", "list"],
        &["audit", "verify"],
        &["user", "list"],
    ] {
        for place in [&mistyped, &directory.0] {
            let mut command = Command::new(binary());
            command.env_remove("DATABASE_URL").args(arguments);
            let refused = command.arg("--data-dir").arg(place).output().unwrap();
            assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {refused:?}");
            let said = format!("there is no database in {};", place.display());
            assert!(text(&refused.stderr).contains(&said), "{arguments:?}: {refused:?}");
        }
    }
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_triggered_while_no_server_works_is_said_to_wait() {
    let database = TestDatabase::new().await;
    let mut server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    let id = &*yearly(&client, "http://198.51.100.1/").await;
    assert_eq!(server.terminate(LIMIT).await.code(), Some(0));
    let triggered = schedules(&database, &["trigger", id]);
    assert_eq!(text(&triggered.stdout).trim().len(), id.len(), "{triggered:?}");
    assert_eq!(
        text(&triggered.stderr),
        "no server is at work: it waits, and fires when one is\n"
    );
    let called = |name: &str| printed_json(&database, &["list", "--json", "--name", name]);
    assert_eq!((&called("yearly")[0]["id"], called("year")), (&json!(id), json!([])));
}

#[tokio::test]
async fn a_schedule_is_paused_fired_and_asked_from_the_command_line() {
    let (database, receiver) = (TestDatabase::new().await, Receiver::start());
    let options = ServerOptions::new(binary()).allow_outbound("127.0.0.1");
    let server = Server::spawn(&options.database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    let id = &*yearly(&client, &receiver.url("/yearly")).await;
    assert_eq!(
        printed(&database, &["pause", id, "a move"]),
        "yearly is paused: a move\n"
    );
    let listed = printed(&database, &["list", "--status", "paused"]);
    assert!(listed.starts_with("NAME    DUE") && listed.contains(id), "{listed}");
    assert_eq!(
        printed_json(&database, &["list", "--json"])[0]["paused"]["reason"],
        "a move"
    );
    let why = printed(&database, &["why", id]);
    let resume = format!("resume it with `gathering schedules resume {id}`");
    assert!(why.contains("a move") && why.contains(&resume), "{why}");
    // What is refused, or changes nothing, is no row of the audit.
    let too_much = schedules(
        &database,
        &["backfill", id, "0001-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
    );
    assert_eq!(too_much.status.code(), Some(1), "{too_much:?}");
    let nothing = ["backfill", id, "2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"];
    assert!(printed(&database, &nothing).starts_with("0 due times fire"));
    printed(&database, &["pause", id, "again"]);
    let firing = printed(&database, &["trigger", id]);
    let fired = until("it fired", LIMIT, async || {
        let firings = printed_json(&database, &["firings", id, "--json"]);
        (firings[0]["status"] == "succeeded").then_some(firings)
    })
    .await;
    assert_eq!(fired[0]["id"], firing.trim());
    assert!(printed(&database, &["resume", id]).starts_with("yearly fires next at "));
    let backfilled = printed(
        &database,
        &["backfill", id, "2020-01-01T00:00:00Z", "2022-01-01T00:00:00Z"],
    );
    assert_eq!(backfilled, "2 due times fire; 0 had fired already\n");
    let shown = printed_json(&database, &["show", id]);
    let seen = client.get(&format!("/api/v1/schedules/{id}")).await.json;
    assert_eq!((&shown["name"], &shown["revision"]), (&seen["name"], &seen["revision"]));
    let noted = operated(&database).await;
    assert_eq!(
        noted,
        [
            "change_schedules",
            "trigger_schedule",
            "change_schedules",
            "trigger_schedule"
        ]
    );
    let nobodys = schedules(&database, &["why", "0193c3f2-0000-7000-8000-000000000000"]);
    assert_eq!(nobodys.status.code(), Some(1));
    assert!(
        text(&nobodys.stderr).contains("there is no schedule"),
        "{}",
        text(&nobodys.stderr)
    );
}

#[tokio::test]
async fn a_week_is_drawn_on_the_terminal_and_into_a_file() {
    let (database, directory) = (TestDatabase::new().await, Directory::new());
    let server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    let id = yearly(&client, "https://example.org/").await;
    let week = ["--from", "2026-12-28", "--timezone", "Europe/Berlin"];
    let drawn = printed(&database, &[&["week"], &week[..]].concat());
    assert!(drawn.contains("yearly"), "{drawn}");
    let file = directory.0.join("week.svg");
    let file = file.to_str().unwrap();
    assert_eq!(
        printed(&database, &[&["week", &*id, "--svg", file], &week[..]].concat()),
        ""
    );
    assert!(std::fs::read_to_string(file).unwrap().starts_with("<svg"));
    let nowhere = schedules(&database, &["week", "--svg", "/nowhere/week.svg"]);
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
}

#[tokio::test]
async fn a_schedule_in_a_file_is_checked_without_a_server() {
    let database = TestDatabase::new().await;
    let check = |new: &Value, flags: &[&str]| fed(&database, &[&["validate", "-"], flags].concat(), new);
    let mut new = json!({"name": "nightly", "kind": "cron", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "start_at": "2027-03-27T00:00:00Z",
        "action": {"type": "send_notification", "url": "https://example.org/", "message": "x"}});
    let good = check(&new, &[]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let first = "2027-03-27T03:00:00+01:00[Europe/Berlin]  2027-03-27T02:00:00Z\n";
    assert!(text(&good.stdout).starts_with(first), "{}", text(&good.stdout));
    new["action"] = json!({"type": "execute_pipeline", "pipeline_id": "0193c3f2-0000-7000-8000-000000000000"});
    let bad = check(&new, &["--json"]);
    assert_eq!(bad.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(told["problems"][0]["pointer"], "/action/pipeline_id", "{told}");
    assert!(
        text(&bad.stderr).contains("the schedule could not be saved: 1 problem"),
        "{bad:?}"
    );
}
