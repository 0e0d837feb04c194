//! The audit from outside: what a request leaves there, and `gathering audit verify`.

use std::process::{Command, Output};

use gathering_testkit::{Server, ServerOptions, TestDatabase};
use serde_json::json;

use crate::support::binary;

fn verify(database: &TestDatabase, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(["audit", "verify"]).args(arguments);
    command.env("DATABASE_URL", database.url()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_request_leaves_its_id_and_its_address_and_the_command_finds_what_somebody_changed() {
    let database = TestDatabase::new().await;
    let empty = verify(&database, &[]);
    assert_eq!(
        (empty.status.code(), text(&empty.stdout)),
        (Some(0), "the audit is empty\n".to_owned())
    );

    let options = ServerOptions::new(binary()).database_url(&database.url());
    let server = Server::spawn(&options.env("GATHERING_TRUSTED_PROXIES", "127.0.0.1")).await;
    let ada = server.register_and_login("ada@example.org").await;
    let wrong = json!({"email": "ada@example.org", "password": "not the right words"});
    let request = server
        .client()
        .request(reqwest::Method::POST, "/api/v1/auth/login")
        .json(&wrong);
    let request = request
        .header("x-request-id", "r-17")
        .header("x-forwarded-for", "192.0.2.7");
    assert_eq!(server.client().send(request).await.status, 401);
    assert_eq!(ada.post("/api/v1/auth/logout", &json!({})).await.status, 204);
    let sql = "SELECT action || ' ' || outcome || ' ' || address FROM audit WHERE request_id = $1";
    assert_eq!(database.texts(sql, "r-17").await.unwrap(), ["login failed 192.0.2.7"]);
    let without = "SELECT action FROM audit WHERE request_id IS NULL OR address IS NULL OR $1 = ''";
    assert!(database.texts(without, "-").await.unwrap().is_empty());

    let whole = verify(&database, &[]);
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    let told = text(&whole.stdout);
    assert!(told.starts_with("4 rows are as they were written\n"), "{told}");
    let head = told.lines().last().unwrap();
    assert_eq!(verify(&database, &["--expect", head]).status.code(), Some(0));
    let other = format!("4:{}", "0".repeat(64));
    assert_eq!(verify(&database, &["--expect", &other]).status.code(), Some(1));
    assert_eq!(verify(&database, &["--expect", "4:nonsense"]).status.code(), Some(2));

    let connection = database.pool().await.get().await.unwrap();
    let tampering = "GRANT UPDATE ON audit TO CURRENT_USER; ALTER TABLE audit DISABLE TRIGGER USER;
        UPDATE audit SET address = '198.51.100.9' WHERE seq = 3";
    connection.batch_execute(tampering).await.unwrap();
    let flawed = verify(&database, &[]);
    assert_eq!(flawed.status.code(), Some(1));
    let told = text(&flawed.stdout);
    assert!(told.starts_with("row 3 is not as it was written"), "{told}");
    assert!(
        text(&flawed.stderr).contains("the audit is not as it was written: 1 found"),
        "{flawed:?}"
    );
}
