//! A second factor over HTTP: on two servers, after kill -9, and with one code in many hands.

use futures::future::join_all;
use gathering_testkit::{Authenticator, Client, Response, Server, ServerOptions, TestDatabase};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::binary;

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "a password for the tests 7";

async fn spawn(database: &TestDatabase) -> Server {
    let options = ServerOptions::new(binary()).database_url(&database.url());
    // Fifty logins at once are no guessing here.
    Server::spawn(&options.env("GATHERING_RATE_LIMITS", "off")).await
}

/// The code of now, and the next one, which is taken as well.
fn codes(app: &Authenticator) -> [String; 2] {
    #[expect(clippy::disallowed_methods, reason = "the server goes by the real time")]
    let now = Timestamp::now();
    [now, now + SignedDuration::from_secs(30)].map(|at| app.code(at))
}

/// A user with a second factor, the app, and the recovery codes. The code of now is used.
async fn secured(server: &Server) -> (Client, Authenticator, Value) {
    let client = server.register_and_login(EMAIL).await;
    let begun = client
        .post("/api/v1/auth/totp", &json!({"current_password": PASSWORD}))
        .await;
    assert_eq!(begun.status, 201, "{begun:?}");
    assert_eq!(begun.headers["cache-control"], "no-store");
    let secret = begun.json["secret"].as_str().unwrap();
    let uri = begun.json["uri"].as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://totp/GatheRing:ada%40example.org?secret="),
        "{uri}"
    );
    let app = Authenticator::new(secret);
    let confirmed = client
        .post("/api/v1/auth/totp/confirm", &json!({"totp": codes(&app)[0]}))
        .await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    (client, app, confirmed.json["recovery_codes"].clone())
}

async fn login(server: &Server, totp: &Value) -> Response {
    let mut body = json!({"email": EMAIL, "password": PASSWORD});
    if !totp.is_null() {
        body["totp"] = totp.clone();
    }
    server.client().post("/api/v1/auth/login", &body).await
}

fn told(answer: &Response) -> (u16, &str) {
    (answer.status, answer.json["code"].as_str().unwrap_or_default())
}

async fn disable(client: &Client, password: &str, totp: &Value) -> Response {
    let body = json!({"current_password": password, "totp": totp});
    let request = client.request(Method::POST, "/api/v1/auth/totp/disable").json(&body);
    client.send(request).await
}

#[tokio::test]
async fn fifty_logins_with_one_code_over_two_servers_open_one_session_also_after_kill_9() {
    let database = TestDatabase::new().await;
    let (mut one, other) = (spawn(&database).await, spawn(&database).await);
    let (client, app, _) = secured(&one).await;
    let code = json!(codes(&app)[1]);
    assert_eq!(told(&login(&other, &Value::Null).await), (401, "totp_required"));
    let logins = (0..50).map(|number| login(if number % 2 == 0 { &one } else { &other }, &code));
    let answers = join_all(logins).await;
    let count = |wanted: (u16, &str)| answers.iter().filter(|answer| told(answer) == wanted).count();
    assert_eq!((count((200, "")), count((401, "invalid_totp"))), (1, 49));
    let sessions = client.get("/api/v1/auth/sessions").await;
    assert_eq!(sessions.json["items"].as_array().unwrap().len(), 2);

    one.kill9();
    let one = spawn(&database).await;
    assert_eq!(told(&login(&one, &Value::Null).await), (401, "totp_required"));
    assert_eq!(told(&login(&one, &code).await), (401, "invalid_totp"));
}

#[tokio::test]
async fn wrong_codes_are_counted_over_two_servers_and_kill_9_and_a_stranger_locks_nobody_out() {
    let database = TestDatabase::new().await;
    let (mut one, other) = (spawn(&database).await, spawn(&database).await);
    let (_, app, recovery) = secured(&one).await;
    let stranger = json!({"email": EMAIL, "password": "not the password", "totp": "000000"});
    for _ in 0..10 {
        let refused = other.client().post("/api/v1/auth/login", &stranger).await;
        assert_eq!(told(&refused), (401, "invalid_credentials"));
    }
    for _ in 0..3 {
        assert_eq!(told(&login(&one, &json!("no code")).await), (401, "invalid_totp"));
    }
    one.kill9();
    for _ in 0..2 {
        assert_eq!(told(&login(&other, &json!("no code")).await), (401, "invalid_totp"));
    }
    let one = spawn(&database).await;
    let locked = login(&one, &json!(codes(&app)[1])).await;
    assert_eq!(told(&locked), (429, "totp_locked"));
    let wait: u64 = locked.headers["retry-after"].parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    assert_eq!(login(&one, &recovery[0]).await.status, 200);
    assert_eq!(told(&login(&other, &recovery[0]).await), (401, "invalid_totp"));
}

#[tokio::test]
async fn it_is_looked_at_renewed_and_disabled_over_http_and_nothing_of_it_is_logged() {
    let database = TestDatabase::new().await;
    let server = spawn(&database).await;
    let (client, app, recovery) = secured(&server).await;
    let state = client.get("/api/v1/auth/totp").await;
    assert_eq!(state.json, json!({"enabled": true, "recovery_codes_left": 10}));
    let again = client
        .post("/api/v1/auth/totp", &json!({"current_password": PASSWORD}))
        .await;
    assert_eq!(told(&again), (409, "totp_already_enabled"));

    let body = json!({"current_password": PASSWORD, "totp": recovery[0]});
    let renewed = client.post("/api/v1/auth/totp/recovery-codes", &body).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let renewed = &renewed.json["recovery_codes"];
    assert_eq!(told(&login(&server, &recovery[1]).await), (401, "invalid_totp"));

    let refused = disable(&client, PASSWORD, &recovery[1]).await;
    assert_eq!(told(&refused), (422, "invalid_request"));
    assert_eq!(refused.json["problems"][0]["pointer"], "/totp");
    let refused = disable(&client, "not the password", &renewed[0]).await;
    assert_eq!(refused.json["problems"][0]["pointer"], "/current_password");
    assert_eq!(disable(&client, PASSWORD, &json!(codes(&app)[1])).await.status, 204);
    assert_eq!(login(&server, &Value::Null).await.status, 200);
    assert_eq!(
        told(&disable(&client, PASSWORD, &renewed[0]).await),
        (409, "totp_not_enabled")
    );

    for secret in [&recovery[0], &renewed[0], &json!(PASSWORD)] {
        assert!(!server.log().contains(secret.as_str().unwrap()));
    }
}

#[tokio::test]
async fn strangers_are_refused_and_so_are_bodies_that_are_wrong() {
    let database = TestDatabase::new().await;
    let server = spawn(&database).await;
    let paths = [
        (Method::GET, "/api/v1/auth/totp"),
        (Method::POST, "/api/v1/auth/totp"),
        (Method::POST, "/api/v1/auth/totp/disable"),
        (Method::POST, "/api/v1/auth/totp/confirm"),
        (Method::POST, "/api/v1/auth/totp/recovery-codes"),
    ];
    let (stranger, client) = (server.client(), server.register_and_login(EMAIL).await);
    for (method, path) in paths {
        let refused = stranger.send(stranger.request(method.clone(), path)).await;
        assert_eq!(told(&refused), (401, "unauthenticated"), "{method} {path}");
        if method != Method::GET {
            let request = client.request(method.clone(), path).json(&json!({"more": 1}));
            let refused = client.send(request).await;
            assert_eq!(told(&refused), (422, "invalid_request"), "{method} {path}");
        }
    }
    let body = json!({"totp": "123456"});
    let refused = client.post("/api/v1/auth/totp/confirm", &body).await;
    assert_eq!(told(&refused), (409, "totp_not_enabled"));
    let number = json!({"email": EMAIL, "password": PASSWORD, "totp": 123_456});
    let refused = client.post("/api/v1/auth/login", &number).await;
    assert_eq!(refused.json["problems"][0]["pointer"], "/totp");
}
