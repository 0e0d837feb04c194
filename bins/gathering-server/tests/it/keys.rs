//! `gathering keys`, with two servers at work.

use std::process::{Command, Output};
use std::time::Duration;

use gathering_testkit::{Client, Server, ServerOptions, TestDatabase, eventually};
use serde_json::{Value, json};

use crate::support::binary;

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "a password for the tests 7";
const LIMIT: Duration = Duration::from_secs(30);

fn keys(database: &TestDatabase, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("keys").args(arguments);
    command.env("DATABASE_URL", database.url()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What `list --json` prints.
fn listed(database: &TestDatabase) -> Vec<Value> {
    let listed = keys(database, &["list", "--json"]);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    serde_json::from_slice(&listed.stdout).unwrap()
}

async fn spawn(database: &TestDatabase) -> Server {
    Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await
}

async fn log_in(server: &Server) -> Client {
    let mut client = server.client();
    client.log_in(EMAIL, PASSWORD).await;
    client
}

async fn me(client: &Client, at: &Server) -> (u16, Value) {
    let answer = client.at(at).get("/api/v1/auth/me").await;
    (answer.status, answer.json["code"].clone())
}

async fn published(server: &Server) -> Vec<Value> {
    let jwks = server.client().get("/.well-known/jwks.json").await;
    let kids = jwks.json["keys"].as_array().unwrap().iter();
    kids.map(|key| key["kid"].clone()).collect()
}

#[tokio::test]
async fn a_rotation_is_published_on_all_servers_at_once_and_what_was_signed_before_stays_valid() {
    let database = TestDatabase::new().await;
    let (one, other) = (spawn(&database).await, spawn(&database).await);
    let before = one.register_and_login(EMAIL).await;
    let rotated = keys(&database, &["rotate"]);
    assert_eq!(rotated.status.code(), Some(0), "{rotated:?}");
    let told = text(&rotated.stdout);
    let kid = told.split(' ').next().unwrap().to_owned();
    assert!(told.contains(" is made: it is published, and signs from "), "{told}");
    for server in [&one, &other] {
        eventually("the key is published", LIMIT, async || {
            published(server).await.contains(&json!(kid))
        })
        .await;
    }
    let states: Vec<_> = listed(&database).iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, ["signing", "waiting"]);

    let now = keys(&database, &["rotate", "--now"]);
    assert!(text(&now.stdout).starts_with(&format!("{kid} was waiting: it signs from now on")));
    eventually("the new key signs", LIMIT, async || {
        let client = log_in(&other).await;
        signed_by(client.token().unwrap()) == kid
    })
    .await;
    let after = log_in(&other).await;
    for server in [&one, &other] {
        assert_eq!(me(&before, server).await.0, 200);
        assert_eq!(me(&after, server).await.0, 200);
    }
}

/// The id in the header of a token, which is base64url of JSON.
fn signed_by(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let decoded = decode(header);
    let header: Value = serde_json::from_slice(&decoded).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn decode(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let values = text
        .bytes()
        .map(|letter| ALPHABET.iter().position(|known| *known == letter).unwrap());
    let values: Vec<usize> = values.collect();
    let quad = |quad: &[usize]| {
        let bits = quad.iter().fold(0, |bits, value| bits << 6 | value) << (6 * (4 - quad.len()));
        let bytes = [bits >> 16, bits >> 8, bits].map(|byte| u8::try_from(byte & 0xff).unwrap());
        bytes[..quad.len() - 1].to_vec()
    };
    values.chunks(4).flat_map(quad).collect()
}

#[tokio::test]
async fn the_tokens_of_a_retired_key_are_refused_on_both_servers_also_after_kill_9() {
    let database = TestDatabase::new().await;
    let (mut one, other) = (spawn(&database).await, spawn(&database).await);
    let leaked = one.register_and_login(EMAIL).await;
    let kid = signed_by(leaked.token().unwrap());
    assert_eq!(me(&leaked, &other).await.0, 200);
    let retired = keys(&database, &["retire", &kid]);
    assert_eq!(retired.status.code(), Some(0), "{retired:?}");
    assert!(
        text(&retired.stdout).starts_with(&format!("{kid} is retired")),
        "{retired:?}"
    );
    for server in [&one, &other] {
        eventually("its tokens are refused", LIMIT, async || {
            me(&leaked, server).await == (401, json!("invalid_token"))
        })
        .await;
        assert!(!published(server).await.contains(&json!(kid)));
        let fresh = log_in(server).await;
        assert_eq!(me(&fresh, &one).await.0, 200);
        assert_eq!(me(&fresh, &other).await.0, 200);
    }
    one.kill9();
    let one = spawn(&database).await;
    assert_eq!(me(&leaked, &one).await.0, 401);

    assert!(text(&keys(&database, &["retire", &kid]).stdout).ends_with("was retired before\n"));
    let unknown = keys(&database, &["retire", "-nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        text(&unknown.stderr).contains("there is no signing key -nobody here"),
        "{unknown:?}"
    );
    let rows = database
        .texts("SELECT action FROM audit WHERE subject = $1", &kid)
        .await
        .unwrap();
    assert_eq!(rows, ["signing_key_retired"]);
}

#[tokio::test]
async fn who_only_looks_writes_nothing_and_says_when_the_database_is_older() {
    let database = TestDatabase::new().await;
    assert_eq!(
        text(&keys(&database, &["list"]).stdout),
        "KID  CREATED  SIGNS SINCE  STATE\n"
    );
    assert_eq!(listed(&database), Vec::<Value>::new());
    spawn(&database).await;
    let told = text(&keys(&database, &["list"]).stdout);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!((lines.len(), lines[1].ends_with("signing")), (2, true), "{told}");
    assert_eq!(lines[0].find("STATE"), lines[1].find("signing"));

    let connection = database.pool().await.get().await.unwrap();
    let older = "DELETE FROM gathering_accounts_history WHERE version > 1";
    connection.batch_execute(older).await.unwrap();
    for arguments in [["keys", "list"], ["audit", "verify"]] {
        let mut command = Command::new(binary());
        let refused = command
            .args(arguments)
            .env("DATABASE_URL", database.url())
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let told = text(&refused.stderr);
        assert!(
            told.contains("the database has migration 1, this release needs"),
            "{told}"
        );
        assert!(told.contains("gathering migrate"), "{told}");
    }
    let count = "SELECT count(*)::text FROM gathering_accounts_history WHERE $1 = ''";
    assert_eq!(database.texts(count, "").await.unwrap(), ["1"]);
}
