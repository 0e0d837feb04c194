//! `gathering schedules create`, `update` and `delete`: schedules in files.

use std::process::Output;
use std::time::Duration;

use gathering_testkit::{Client, Receiver, Server, ServerOptions, TestDatabase};
use serde_json::{Value, json};

use crate::schedules_command::{fed, operated, printed, printed_json, schedules, text};
use crate::support::{Directory, binary};

const LIMIT: Duration = Duration::from_mins(1);
const NOWHERE: &str = "0193c3f2-0000-7000-8000-000000000000";

/// A schedule that is due far away, and calls this.
fn yearly(url: &str) -> Value {
    json!({"name": "yearly", "kind": "cron", "cron": "0 0 1 1 *",
        "action": {"type": "call_api", "method": "POST", "url": url, "body": {}}})
}

async fn project_of(client: &Client) -> String {
    let me = client.get("/api/v1/auth/me").await.json;
    me["default_project_id"].as_str().unwrap().to_owned()
}

/// What a command is told that is refused: its exit code, and what it says.
fn refused(output: &Output) -> (Option<i32>, String) {
    assert_eq!(text(&output.stdout), "", "{output:?}");
    (output.status.code(), text(&output.stderr))
}

fn json_of(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_schedule_in_a_file_is_saved_changed_and_deleted() {
    let (database, directory) = (TestDatabase::new().await, Directory::new());
    let server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    let (project, file) = (project_of(&client).await, directory.0.join("yearly.json"));
    std::fs::write(&file, yearly("https://example.org/").to_string()).unwrap();
    let created = printed_json(&database, &["create", file.to_str().unwrap(), "--project", &project]);
    let id = created["id"].as_str().unwrap();
    let path = format!("/api/v1/schedules/{id}");
    let seen = client.get(&path).await.json;
    assert_eq!((&seen, &seen["created_by"]), (&created, &Value::Null));

    // What is shown may be sent back with one field changed.
    let mut shown = printed_json(&database, &["show", id]);
    shown["cron"] = json!("0 0 2 1 *");
    let updated = json_of(&fed(&database, &["update", id, "-", "--revision", "1"], &shown));
    assert_eq!(
        (&updated["cron"], &updated["revision"]),
        (&json!("0 0 2 1 *"), &json!(2))
    );
    assert_eq!(client.get(&path).await.json["cron"], "0 0 2 1 *");
    for (arguments, input) in [
        (&["update", id, "-", "--revision", "1"][..], &shown),
        (&["delete", id, "--revision", "1"], &Value::Null),
    ] {
        let (code, said) = refused(&fed(&database, arguments, input));
        let told = "the schedule is at revision 2; look at it, and try again with --revision 2";
        assert!(code == Some(1) && said.contains(told), "{arguments:?}: {said}");
    }
    assert_eq!(printed_json(&database, &["show", id]), updated);

    let deleted = printed(&database, &["delete", id, "--revision", "2"]);
    assert_eq!(deleted, format!("{id} is deleted\n"));
    assert_eq!(client.get(&path).await.status, 404);
    let (code, said) = refused(&schedules(&database, &["delete", id]));
    assert!(code == Some(1) && said.contains("there is no schedule"), "{said}");
    // What was refused is no row of the audit.
    assert_eq!(operated(&database).await, ["change_schedules"; 3]);
}

#[tokio::test]
async fn a_schedule_that_cannot_be_saved_is_told_with_every_field_and_nothing_is_kept() {
    let database = TestDatabase::new().await;
    let server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    let project = &*project_of(&server.register_and_login("ada@example.org").await).await;
    let good = yearly("https://example.org/");
    let mut bad = json!({"name": "", "kind": "cron", "cron": "61 * * * *", "colour": "red", "project_id": project});
    let (code, said) = refused(&fed(&database, &["create", "-"], &bad));
    assert_eq!(code, Some(1));
    for field in ["name: ", "cron: ", "colour: ", "action: "] {
        assert!(said.contains(field), "{field} {said}");
    }
    bad["project_id"] = json!(7);
    let mut elsewhere = good.clone();
    elsewhere["project_id"] = json!(NOWHERE);
    for (arguments, new, code, told) in [
        (&["create", "-"][..], &good, 2, "with --project ID, or with project_id"),
        (
            &["create", "-", "--project", project],
            &elsewhere,
            2,
            "leave one of them out",
        ),
        (&["create", "-"], &bad, 1, "project_id: must be a UUID"),
        (&["create", "-"], &elsewhere, 1, "there is no project"),
        (
            &["create", "/nowhere", "--project", project],
            &good,
            1,
            "cannot read the file",
        ),
        (
            &["create", "-", "--project", project],
            &json!([1]),
            1,
            "a schedule is an object",
        ),
        (&["update", NOWHERE, "-"], &good, 1, "there is no schedule"),
        (&["update", NOWHERE, "-", "--revision", "0"], &good, 2, "--revision"),
    ] {
        let (exit, said) = refused(&fed(&database, arguments, new));
        assert!(
            exit == Some(code) && said.contains(told),
            "{arguments:?}: {exit:?} {said}"
        );
    }
    assert_eq!(printed_json(&database, &["list", "--json"]), json!([]));
    assert_eq!(operated(&database).await, [""; 0]);
}

#[tokio::test]
async fn a_server_at_work_fires_what_was_saved_on_the_command_line() {
    let (database, receiver) = (TestDatabase::new().await, Receiver::start());
    let options = ServerOptions::new(binary()).allow_outbound("127.0.0.1");
    let mut server = Server::spawn(&options.database_url(&database.url())).await;
    let project = project_of(&server.register_and_login("ada@example.org").await).await;
    let mut often = yearly(&receiver.url("/often"));
    often["kind"] = json!("interval");
    often["every"] = json!("1s");
    often["name"] = json!("often");
    often.as_object_mut().unwrap().remove("cron");
    let create = ["create", "-", "--project", &project];
    let created = fed(&database, &create, &often);
    assert_eq!(text(&created.stderr), "");
    assert_eq!(receiver.wait_for(2, LIMIT).await[0].path, "/often");
    let id = json_of(&created)["id"].as_str().unwrap().to_owned();
    printed(&database, &["delete", &id]);

    assert_eq!(server.terminate(LIMIT).await.code(), Some(0));
    let waits = fed(&database, &create, &often);
    assert_eq!(
        text(&waits.stderr),
        "no server is at work: it waits, and fires when one is\n"
    );
    often["paused"] = json!("not yet");
    let paused = fed(&database, &create, &often);
    assert_eq!(
        (text(&paused.stderr), &json_of(&paused)["paused"]["reason"]),
        (String::new(), &json!("not yet"))
    );
    let listed = |status: &str| printed_json(&database, &["list", "--json", "--name", "often", "--status", status]);
    assert_eq!(listed("paused")[0]["id"], json_of(&paused)["id"]);
    assert_eq!(listed("active")[0]["id"], json_of(&waits)["id"]);
    assert_eq!(listed("ended"), json!([]));
}
