//! Who may do what, from outside: members of projects, API keys, invitations, administrators and the command line; on two servers.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gathering_testkit::{Client, Response, Server, ServerOptions, TestDatabase, eventually};
use serde_json::{Value, json};

use crate::support::binary;

const PASSWORD: &str = "a few unrelated words";
const LIMIT: Duration = Duration::from_secs(30);

struct Bench {
    database: TestDatabase,
    one: Server,
    other: Server,
}

impl Bench {
    async fn new(registration: &str) -> Self {
        let database = TestDatabase::new().await;
        let options = ServerOptions::new(binary())
            .database_url(&database.url())
            .env("GATHERING_REGISTRATION", registration);
        let (one, other) = (Server::spawn(&options).await, Server::spawn(&options).await);
        Self { database, one, other }
    }

    /// Runs `gathering user`, with this on standard input.
    fn user(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(binary());
        command
            .arg("user")
            .args(arguments)
            .env("DATABASE_URL", self.database.url());
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// An administrator, made on the command line.
    async fn admin(&self) -> Client {
        let made = self.user(&["create-admin", "root@example.org"], PASSWORD);
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        let mut client = self.one.client();
        client.log_in("root@example.org", PASSWORD).await;
        client
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn told(answer: &Response) -> (u16, Option<&str>) {
    (answer.status, answer.json["code"].as_str())
}

async fn id_of(client: &Client) -> String {
    client.get("/api/v1/auth/me").await.json["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn pipeline(project: &Value) -> Value {
    json!({"name": "a pipeline", "project_id": project, "definition": {"nodes": [{"id": "start", "type": "trigger"}]}})
}

#[tokio::test]
async fn members_of_a_project_may_do_what_their_role_allows_on_every_server_at_once() {
    let bench = Bench::new("open").await;
    let ada = bench.one.register_and_login("ada@example.org").await;
    let bob = bench.other.register_and_login("bob@example.org").await;
    let made = ada.post("/api/v1/projects", &json!({"name": "shared"})).await;
    assert_eq!((made.status, &made.json["role"]), (201, &json!("owner")));
    let project = &made.json["id"];
    let path = format!("/api/v1/projects/{}", project.as_str().unwrap());
    let saved = ada.post("/api/v1/pipelines", &pipeline(project)).await;
    let runs = format!("/api/v1/pipelines/{}/runs", saved.json["id"].as_str().unwrap());

    let not_found = (404, Some("not_found"));
    assert_eq!(told(&bob.get(&path).await), not_found);
    assert_eq!(told(&bob.post(&runs, &json!({})).await), not_found);
    let member = json!({"user_id": id_of(&bob).await, "role": "viewer"});
    let added = ada.post(&format!("{path}/members"), &member).await;
    assert_eq!((added.status, &added.json["email"]), (201, &json!("bob@example.org")));
    assert_eq!(bob.get(&path).await.json["role"], "viewer");
    let refused = bob.post(&runs, &json!({})).await;
    assert_eq!(told(&refused), (403, Some("forbidden")));
    assert_eq!(
        refused.json["detail"],
        "you may not start run: that takes the role editor in the project; ask an owner of it"
    );
    let listed = bob
        .get(&format!("/api/v1/pipelines?project_id={}", project.as_str().unwrap()))
        .await;
    assert_eq!(listed.json["items"].as_array().unwrap().len(), 1);

    let one = format!("{path}/members/{}", id_of(&bob).await);
    assert_eq!(ada.put(&one, &json!({"role": "editor"})).await.status, 200);
    assert_eq!(bob.post(&runs, &json!({})).await.status, 202);
    assert_eq!(told(&bob.delete(&path).await), (403, Some("forbidden")));
    assert_eq!(
        told(&bob.put(&one, &json!({"role": "owner"})).await),
        (403, Some("forbidden"))
    );
    assert_eq!(told(&ada.delete(&path).await), (409, Some("project_not_empty")));
    assert_eq!(bob.delete(&one).await.status, 204);
    assert_eq!(told(&bob.post(&runs, &json!({})).await), not_found);
    let last = format!("{path}/members/{}", id_of(&ada).await);
    assert_eq!(told(&ada.delete(&last).await), (409, Some("still_needed")));
    let own = format!(
        "/api/v1/projects/{}",
        ada.get("/api/v1/auth/me").await.json["default_project_id"]
            .as_str()
            .unwrap()
    );
    assert_eq!(told(&ada.delete(&own).await), (409, Some("still_needed")));
}

#[tokio::test]
async fn a_key_does_what_it_is_for_and_is_out_on_every_server_when_it_is_ended() {
    let bench = Bench::new("open").await;
    let ada = bench.one.register_and_login("ada@example.org").await;
    let new = json!({"name": "deployments", "scopes": ["read", "run"], "expires_in": "30d"});
    let made = ada.post("/api/v1/auth/api-keys", &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let key = made.json["key"].as_str().unwrap();
    let [here, there] = [&bench.one, &bench.other].map(|server| server.client().with_token(key));
    let saved = ada.post("/api/v1/pipelines", &pipeline(&Value::Null)).await;
    let runs = format!("/api/v1/pipelines/{}/runs", saved.json["id"].as_str().unwrap());
    for client in [&here, &there] {
        assert_eq!(client.get("/api/v1/auth/me").await.status, 200);
        assert_eq!(client.post(&runs, &json!({})).await.status, 202);
        for (path, wanted) in [
            ("/api/v1/pipelines", "the API key has not the scope write"),
            ("/api/v1/auth/api-keys", "no API key may"),
            ("/api/v1/auth/password", "no API key may"),
            ("/api/v1/auth/logout", "no API key may"),
        ] {
            let body = match path {
                "/api/v1/pipelines" => pipeline(&Value::Null),
                "/api/v1/auth/password" => json!({"current_password": PASSWORD, "new_password": "some other words"}),
                "/api/v1/auth/api-keys" => new.clone(),
                _ => json!({}),
            };
            let refused = client.post(path, &body).await;
            assert_eq!(told(&refused), (403, Some("forbidden")), "{path}");
            assert!(
                refused.json["detail"].as_str().unwrap().contains(wanted),
                "{path}: {refused:?}"
            );
        }
    }
    let listed = ada.get("/api/v1/auth/api-keys").await.json;
    assert!(listed["items"][0]["used_at"].is_string() && listed["items"][0].get("key").is_none());

    let path = format!("/api/v1/auth/api-keys/{}", made.json["id"].as_str().unwrap());
    assert_eq!(ada.delete(&path).await.status, 204);
    assert_eq!(told(&here.get("/api/v1/auth/me").await), (401, Some("invalid_token")));
    eventually("the other server refuses", LIMIT, async || {
        there.get("/api/v1/auth/me").await.status == 401
    })
    .await;
    let wrong = json!({"name": "", "scopes": ["everything"], "expires_in": "soon"});
    let refused = ada.post("/api/v1/auth/api-keys", &wrong).await;
    assert_eq!(
        (refused.status, refused.json["problems"].as_array().unwrap().len()),
        (422, 2)
    );
}

#[tokio::test]
async fn by_invitation_only_an_administrator_invites_and_makes_and_unmakes() {
    let bench = Bench::new("invite").await;
    let root = bench.admin().await;
    let account = json!({"email": "ada@example.org", "password": PASSWORD});
    let register = async |body: &Value| bench.one.client().post("/api/v1/auth/register", body).await;
    assert_eq!(told(&register(&account).await), (403, Some("registration_closed")));
    let made = root
        .post("/api/v1/invitations", &json!({"email": "ada@example.org"}))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let mut invited = account.clone();
    invited["invitation"] = made.json["invitation"].clone();
    assert_eq!(register(&invited).await.status, 202);
    assert_eq!(register(&invited).await.json["problems"][0]["pointer"], "/invitation");

    let mut ada = bench.other.client();
    ada.log_in("ada@example.org", PASSWORD).await;
    for path in [
        "/api/v1/users",
        "/api/v1/invitations",
        "/api/v1/audit",
        "/api/v1/projects?all=true",
    ] {
        assert_eq!(told(&ada.get(path).await), (403, Some("forbidden")), "{path}");
        assert_eq!(root.get(path).await.status, 200, "{path}");
    }
    let role = format!("/api/v1/users/{}/role", id_of(&ada).await);
    assert_eq!(root.put(&role, &json!({"role": "viewer"})).await.json["role"], "viewer");
    eventually("the other server wants another login", LIMIT, async || {
        ada.get("/api/v1/auth/me").await.status == 401
    })
    .await;
    ada.log_in("ada@example.org", PASSWORD).await;
    assert_eq!(ada.get("/api/v1/pipelines").await.status, 200);
    let refused = ada.post("/api/v1/pipelines", &pipeline(&Value::Null)).await;
    assert_eq!(told(&refused), (403, Some("forbidden")));
    let last = format!("/api/v1/users/{}/disable", id_of(&root).await);
    assert_eq!(told(&root.post(&last, &json!({})).await), (409, Some("still_needed")));
}

#[tokio::test]
async fn what_is_denied_is_in_the_audit_and_what_does_not_exist_leaves_the_same_row() {
    let bench = Bench::new("open").await;
    let root = bench.admin().await;
    let ada = bench.one.register_and_login("ada@example.org").await;
    let eve = bench.other.register_and_login("eve@example.org").await;
    let saved = ada.post("/api/v1/pipelines", &pipeline(&Value::Null)).await;
    let there = saved.json["id"].as_str().unwrap();
    let nowhere = "0193c3f2-0000-7000-8000-000000000000";
    for id in [there, nowhere] {
        assert_eq!(eve.get(&format!("/api/v1/pipelines/{id}")).await.status, 404);
    }
    assert_eq!(eve.get("/api/v1/users").await.status, 403);
    let actor = id_of(&eve).await;
    let page = root
        .get(&format!("/api/v1/audit?outcome=denied&actor={actor}&limit=2"))
        .await
        .json;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = root
        .get(&format!("/api/v1/audit?outcome=denied&actor={actor}&cursor={cursor}"))
        .await
        .json;
    let rows: Vec<_> = [&page, &rest]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .collect();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row["action"].as_str().unwrap(), row["subject"].as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("view_users", None),
            ("view_pipelines", Some(nowhere)),
            ("view_pipelines", Some(there))
        ]
    );
    assert_eq!(rows[1]["detail"], rows[2]["detail"]);
    assert_eq!(
        root.get("/api/v1/audit?outcome=maybe&subject=%00&x=1").await.json["problems"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let all = root.get(&format!("/api/v1/pipelines/{there}")).await;
    assert_eq!(all.status, 200, "an administrator sees what is there");
}

#[tokio::test]
async fn the_command_line_makes_lists_and_changes_users() {
    let bench = Bench::new("closed").await;
    let short = bench.user(&["create-admin", "root@example.org"], "short");
    assert_eq!((short.status.code(), text(&short.stdout)), (Some(1), String::new()));
    assert!(text(&short.stderr).contains("at least 15 characters"), "{short:?}");
    bench.admin().await;
    let twice = bench.user(&["create", "ROOT@example.org"], PASSWORD);
    assert!(
        twice.status.code() == Some(1) && text(&twice.stderr).contains("This address has an account"),
        "{twice:?}"
    );
    assert_eq!(
        bench
            .user(&["create", "ada@example.org", "--role", "viewer"], PASSWORD)
            .status
            .code(),
        Some(0)
    );
    let listed = text(&bench.user(&["list"], "").stdout);
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["EMAIL", "ROLE", "STATUS", "SINCE", "ID"]);
    assert_eq!(lines[1][..3], ["ada@example.org", "viewer", "active"]);
    assert_eq!(lines[2][..3], ["root@example.org", "admin", "active"]);
    let json: Value = serde_json::from_str(&text(&bench.user(&["list", "--json"], "").stdout)).unwrap();
    assert_eq!(json[1]["role"], "admin");
}

#[tokio::test]
async fn the_command_line_changes_users_while_the_server_runs_and_leaves_one_administrator() {
    let bench = Bench::new("closed").await;
    let root = bench.admin().await;
    let made = bench.user(&["create", "ada@example.org"], PASSWORD);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let last = bench.user(&["set-role", "root@example.org", "member"], "");
    assert!(
        last.status.code() == Some(1) && text(&last.stderr).contains("last administrator"),
        "{last:?}"
    );
    assert_eq!(
        bench
            .user(&["set-role", "nobody@example.org", "admin"], "")
            .status
            .code(),
        Some(1)
    );
    assert_eq!(
        bench.user(&["set-role", "ada@example.org", "king"], "").status.code(),
        Some(2)
    );
    assert_eq!(
        bench.user(&["set-role", "ada@example.org", "admin"], "").status.code(),
        Some(0)
    );
    assert_eq!(bench.user(&["disable", "root@example.org"], "").status.code(), Some(0));
    eventually("the server refuses", LIMIT, async || {
        root.get("/api/v1/auth/me").await.status == 401
    })
    .await;
    assert_eq!(bench.user(&["enable", "root@example.org"], "").status.code(), Some(0));
    let set = bench.user(&["set-password", "root@example.org"], "some other unrelated words\n");
    assert_eq!(set.status.code(), Some(0), "{set:?}");
    bench
        .one
        .client()
        .log_in("root@example.org", "some other unrelated words")
        .await;
    let invitation = text(&bench.user(&["invite", "--expires-in", "1h"], "").stdout);
    assert!(
        invitation.starts_with("gin_") && invitation.lines().count() == 1,
        "{invitation}"
    );
}

#[tokio::test]
async fn an_authenticated_request_runs_no_statement_for_who_asks_with_a_login_as_with_a_key() {
    let bench = Bench::new("open").await;
    let ada = bench.one.register_and_login("ada@example.org").await;
    let new = json!({"name": "deployments", "scopes": ["read"]});
    let made = ada.post("/api/v1/auth/api-keys", &new).await;
    let machine = bench.one.client().with_token(made.json["key"].as_str().unwrap());
    for client in [&ada, &machine] {
        assert_eq!(client.get("/api/v1/pipelines").await.status, 200);
    }
    let mut connection = bench.database.pool().await.get().await.unwrap();
    let tx = connection.transaction().await.unwrap();
    // Whoever so much as looks into one of them waits for ten seconds, and is refused then.
    let tables = "LOCK TABLE users, sessions, refresh_tokens, signing_keys, api_keys, project_members, audit_head IN ACCESS EXCLUSIVE MODE";
    tx.batch_execute(tables).await.unwrap();
    for client in [&ada, &machine].into_iter().cycle().take(100) {
        assert_eq!(client.get("/api/v1/pipelines").await.status, 200);
    }
    tx.rollback().await.unwrap();
}
