//! Projects that are deleted while schedules and pipelines are saved in them, by clients of whom some hang up.

use std::time::Duration;

use gathering_testkit::eventually;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::Site;

const LIMIT: Duration = Duration::from_secs(30);
/// How many projects are deleted.
const RACES: u64 = 96;
/// How many at once.
const AT_ONCE: u64 = 8;

/// The status of the answer; `None` where the connection was cut before it came, after this many tenths of a millisecond.
async fn ask(site: &Site, (method, path, body): (&str, &str, &str), cut: Option<u64>) -> Option<u16> {
    let mut stream = TcpStream::connect(site.base().replace("http://", "")).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        site.token(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let limit = cut.map_or(LIMIT, |cut| Duration::from_micros(100 * cut));
    let read = timeout(limit, stream.read_exact(&mut answer)).await;
    assert!(cut.is_some() || read.is_ok(), "no answer to {method} {path}");
    read.ok()?.unwrap();
    std::str::from_utf8(&answer)
        .unwrap()
        .strip_prefix("HTTP/1.1 ")?
        .parse()
        .ok()
}

/// What is saved: a schedule with an action of its own, or a pipeline.
fn saved(number: u64, project: &Value) -> (&'static str, String) {
    let call = json!({"type": "call_api", "method": "POST", "url": "http://127.0.0.1:9/"});
    let (path, body) = match number % 2 {
        0 => (
            "/api/v1/schedules",
            json!({"name": "x", "kind": "cron", "cron": "0 0 1 1 *", "action": call, "project_id": project}),
        ),
        _ => (
            "/api/v1/pipelines",
            json!({"name": "x", "definition": {"nodes": [{"id": "start", "type": "trigger"}]}, "project_id": project}),
        ),
    };
    (path, body.to_string())
}

/// One deletion beside one that saves; every fourth time nobody hangs up, otherwise one or both do.
async fn race(site: Site, number: u64) {
    let made = site
        .send("POST", "/api/v1/projects", Some(&json!({"name": "shared"})))
        .await;
    let project = &made.json["id"];
    let path = format!("/api/v1/projects/{}", project.as_str().unwrap());
    let (resource, body) = saved(number / 4, project);
    // Different every time, and for both, over as long as such a request takes.
    let cut = |step: u64| Some(1 + number * step % 80);
    let (deleting, saving) = match number % 4 {
        0 => (None, None),
        1 => (cut(7), None),
        2 => (None, cut(11)),
        _ => (cut(7), cut(11)),
    };
    let (deleted, saved) = tokio::join!(
        ask(&site, ("DELETE", &path, ""), deleting),
        ask(&site, ("POST", resource, &body), saving)
    );
    // Never both, and never neither; of who hung up nothing is known.
    let fits = matches!(
        (deleted, saved),
        (Some(204) | None, Some(404)) | (Some(409) | None, Some(201)) | (Some(204 | 409) | None, None)
    );
    assert!(fits, "{number}: {deleted:?} and {saved:?}");
}

#[tokio::test]
async fn whoever_hangs_up_while_a_project_is_deleted_leaves_nothing_alive_in_it() {
    let site = Site::start_with(&[("GATHERING_RATE_LIMITS", "off")])
        .await
        .with_user("ada@example.org")
        .await;
    for first in (0..RACES).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let races: JoinSet<()> = (first..first + AT_ONCE)
            .map(|number| race(site.clone(), number))
            .collect();
        races.join_all().await;
    }
    let connection = site.connection().await;
    let count = async |sql: &str| -> i64 { connection.query_one(sql, &[]).await.unwrap().get(0) };
    // Those that were cut may still be at it.
    eventually("all transactions have ended", LIMIT, async || {
        count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()").await == 0
    })
    .await;
    let deleted = "SELECT count(*) FROM projects WHERE deleted_at IS NOT NULL";
    let (deleted, all) = (
        count(deleted).await,
        count("SELECT count(*) FROM projects WHERE name = 'shared'").await,
    );
    assert!(deleted > 0 && deleted < all, "no race: {deleted} of {all}");
    for table in ["schedules", "pipelines"] {
        let alive = format!(
            "SELECT count(*) FROM {table} t JOIN projects p ON p.id = t.project_id WHERE p.deleted_at IS NOT NULL AND t.deleted_at IS NULL"
        );
        assert_eq!(count(&alive).await, 0, "{table}");
    }
}
