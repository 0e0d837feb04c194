//! Sessions over HTTP: on two servers, after kill -9, and with the database away.

use std::time::Duration;

use gathering_testkit::{Client, Response, Server, ServerOptions, TestCluster, TestDatabase, eventually};
use serde_json::{Value, json};

use crate::support::{Raw, Site, binary};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "a few unrelated words";
const LIMIT: Duration = Duration::from_secs(30);

async fn spawn(database: &TestDatabase) -> Server {
    Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await
}

async fn register(client: &Client) {
    let account = json!({"email": EMAIL, "password": PASSWORD});
    let registered = client.post("/api/v1/auth/register", &account).await;
    assert_eq!(registered.status, 202, "{registered:?}");
}

async fn login(client: &Client) -> Value {
    let login = json!({"email": EMAIL, "password": PASSWORD});
    let answer = client.post("/api/v1/auth/login", &login).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

async fn refresh(client: &Client, tokens: &Value) -> Response {
    let body = json!({"refresh_token": tokens["refresh_token"]});
    client.post("/api/v1/auth/refresh", &body).await
}

fn with(server: &Server, tokens: &Value) -> Client {
    server.client().with_token(tokens["access_token"].as_str().unwrap())
}

async fn me(server: &Server, tokens: &Value) -> (u16, Option<String>) {
    let answer = with(server, tokens).get("/api/v1/auth/me").await;
    (answer.status, answer.json["code"].as_str().map(str::to_owned))
}

fn revoked() -> (u16, Option<String>) {
    (401, Some("invalid_token".to_owned()))
}

#[tokio::test]
async fn whoever_logs_out_on_one_server_is_out_on_the_other_at_once_and_after_kill_9() {
    let database = TestDatabase::new().await;
    let (mut one, other) = (spawn(&database).await, spawn(&database).await);
    register(&one.client()).await;
    let (here, there) = (login(&one.client()).await, login(&other.client()).await);
    assert_eq!(me(&other, &here).await.0, 200);

    let out = with(&one, &here).post("/api/v1/auth/logout", &json!({})).await;
    assert_eq!(out.status, 204);
    assert_eq!(me(&one, &here).await, revoked());
    eventually("the other server refuses", LIMIT, async || {
        me(&other, &here).await == revoked()
    })
    .await;
    let refused = refresh(&other.client(), &here).await;
    assert_eq!(
        (refused.status, refused.json["code"].as_str()),
        (401, Some("invalid_refresh_token"))
    );

    one.kill9();
    let one = spawn(&database).await;
    assert_eq!(me(&one, &here).await, revoked());
    assert_eq!(me(&one, &there).await.0, 200);
    let next = refresh(&one.client(), &there).await;
    assert_eq!(next.status, 200, "{next:?}");
    assert_eq!(me(&other, &next.json).await.0, 200);
    login(&one.client()).await;
}

#[tokio::test]
async fn an_old_refresh_token_on_another_server_ends_the_session_on_both() {
    let database = TestDatabase::new().await;
    let (one, other) = (spawn(&database).await, spawn(&database).await);
    register(&one.client()).await;
    let first = login(&one.client()).await;
    let second = refresh(&one.client(), &first).await.json;
    let third = refresh(&other.client(), &second).await.json;
    assert_eq!(refresh(&other.client(), &first).await.status, 401);
    for server in [&one, &other] {
        eventually("nothing of the session counts", LIMIT, async || {
            me(server, &third).await == revoked()
        })
        .await;
    }
    assert_eq!(refresh(&one.client(), &third).await.status, 401);
}

#[tokio::test]
async fn with_the_database_away_what_was_revoked_stays_so_and_nobody_unknown_comes_in() {
    let cluster = TestCluster::own().await;
    let database = cluster.database().await;
    let (one, other) = (spawn(&database).await, spawn(&database).await);
    register(&one.client()).await;
    let (out, still_in) = (login(&one.client()).await, login(&one.client()).await);
    with(&one, &out).post("/api/v1/auth/logout", &json!({})).await;
    eventually("the other server knows", LIMIT, async || {
        me(&other, &out).await == revoked()
    })
    .await;

    cluster.kill9();
    for server in [&one, &other] {
        eventually("the servers have noticed", LIMIT, async || {
            me(server, &still_in).await == (503, Some("database_unavailable".to_owned()))
        })
        .await;
        assert_eq!(me(server, &out).await, revoked());
    }
    cluster.restart().await;
    for server in [&one, &other] {
        eventually("all is as before", LIMIT, async || me(server, &still_in).await.0 == 200).await;
        assert_eq!(me(server, &out).await, revoked());
    }
}

#[tokio::test]
async fn a_user_sees_their_sessions_and_ends_them() {
    let database = TestDatabase::new().await;
    let server = spawn(&database).await;
    register(&server.client()).await;
    let (lost, here) = (login(&server.client()).await, login(&server.client()).await);
    let mine = with(&server, &here);
    let listed = mine.get("/api/v1/auth/sessions?limit=1").await;
    assert_eq!(
        (&listed.json["items"][0]["current"], listed.status),
        (&json!(true), 200)
    );
    assert_eq!(listed.json["items"][0]["address"], "127.0.0.1");
    let cursor = listed.json["next_cursor"].as_str().unwrap();
    let listed = mine.get(&format!("/api/v1/auth/sessions?cursor={cursor}")).await;
    let id = listed.json["items"][0]["id"].as_str().unwrap();

    let stranger = server.register_and_login("eve@example.org").await;
    let path = format!("/api/v1/auth/sessions/{id}");
    assert_eq!(stranger.delete(&path).await.status, 404);
    assert_eq!(me(&server, &lost).await.0, 200);
    assert_eq!(mine.delete(&path).await.status, 204);
    assert_eq!(mine.delete(&path).await.status, 404);
    assert_eq!(me(&server, &lost).await, revoked());

    let everywhere = json!({"everywhere": true});
    assert_eq!(mine.post("/api/v1/auth/logout", &everywhere).await.status, 204);
    assert_eq!(me(&server, &here).await, revoked());
    assert_eq!(stranger.get("/api/v1/auth/me").await.status, 200);
}

#[tokio::test]
async fn a_password_is_changed_with_the_old_one_only_and_the_other_sessions_end() {
    let database = TestDatabase::new().await;
    let server = spawn(&database).await;
    register(&server.client()).await;
    let (here, there) = (login(&server.client()).await, login(&server.client()).await);
    let mine = with(&server, &here);
    let change = async |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        mine.post("/api/v1/auth/password", &body).await
    };
    let refused = change("something that is wrong", "short").await;
    assert_eq!(refused.status, 422);
    let problems = refused.json["problems"].as_array().unwrap();
    let places: Vec<_> = problems
        .iter()
        .map(|one| (one["pointer"].as_str(), one["code"].as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (Some("/current_password"), Some("wrong")),
            (Some("/new_password"), Some("too_short"))
        ]
    );
    assert_eq!(change(PASSWORD, "another few unrelated words").await.status, 204);
    assert_eq!(me(&server, &here).await.0, 200);
    assert_eq!(me(&server, &there).await, revoked());
    let old = json!({"email": EMAIL, "password": PASSWORD});
    assert_eq!(server.client().post("/api/v1/auth/login", &old).await.status, 401);
}

#[tokio::test]
async fn the_keys_are_public_and_nothing_secret_is_among_them() {
    let site = Site::start().await;
    let keys = site.raw(Raw::get("/.well-known/jwks.json")).await;
    assert_eq!(
        (keys.status, keys.header("cache-control")),
        (200, "public, max-age=300".to_owned())
    );
    let key = keys.json["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
}

#[tokio::test]
async fn bodies_that_are_wrong_are_refused_with_the_field_and_strangers_with_a_challenge() {
    let site = Site::start().await;
    let wrong = [
        json!({}),
        json!({"refresh_token": 7}),
        json!({"refresh_token": "x", "more": 1}),
    ];
    for body in wrong {
        let refused = site.send("POST", "/api/v1/auth/refresh", Some(&body)).await;
        assert_eq!(refused.status, 422, "{body}");
        assert_eq!(refused.json["code"], "invalid_request");
    }
    for (method, path) in [
        ("POST", "/api/v1/auth/logout"),
        ("POST", "/api/v1/auth/password"),
        ("GET", "/api/v1/auth/sessions"),
        ("DELETE", "/api/v1/auth/sessions/0193c3f2-0000-7000-8000-000000000000"),
    ] {
        let refused = site.send(method, path, None).await;
        assert_eq!(refused.status, 401, "{method} {path}");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    let mine = site.with_user(EMAIL).await;
    let refused = mine
        .send("POST", "/api/v1/auth/logout", Some(&json!({"everywhere": "yes"})))
        .await;
    assert_eq!(
        (refused.status, &refused.json["problems"][0]["pointer"]),
        (422, &json!("/everywhere"))
    );
    let none = mine.send("DELETE", "/api/v1/auth/sessions/nonsense", None).await;
    assert_eq!(none.status, 404);
}
