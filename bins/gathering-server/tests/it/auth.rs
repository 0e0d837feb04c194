//! Accounts over HTTP.

use serde_json::json;

use crate::support::{Site, anonymous};

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn whoever_registers_can_log_in_and_see_their_account() {
    let site = Site::start().await;
    let account = json!({"email": "Ada@example.org", "password": PASSWORD, "name": "Ada"});
    let registered = site.send("POST", "/api/v1/auth/register", Some(&account)).await;
    assert_eq!(registered.status, 202);
    assert_eq!(registered.header("cache-control"), "no-store");

    let login = json!({"email": "ada@example.org", "password": PASSWORD});
    let login = site.send("POST", "/api/v1/auth/login", Some(&login)).await;
    assert_eq!(login.status, 200);
    assert_eq!(login.header("cache-control"), "no-store");
    assert_eq!(login.json["token_type"], "Bearer");
    assert_eq!(login.json["expires_in"], 900);

    let mine = site.with_token(login.json["access_token"].as_str().unwrap());
    let me = mine.send("GET", "/api/v1/auth/me", None).await;
    assert_eq!(me.status, 200);
    assert_eq!(me.json["email"], "Ada@example.org");
    assert_eq!(me.json["name"], "Ada");
    assert!(me.json["default_project_id"].is_string());
}

#[tokio::test]
async fn registering_an_address_twice_looks_the_same_and_changes_nothing() {
    let site = Site::start().await;
    let first = json!({"email": "ada@example.org", "password": PASSWORD});
    let second = json!({"email": "ada@example.org", "password": "another password of hers"});
    let answers = [
        site.send("POST", "/api/v1/auth/register", Some(&first)).await,
        site.send("POST", "/api/v1/auth/register", Some(&second)).await,
    ];
    assert_eq!(answers[0].status, answers[1].status);
    assert_eq!(answers[0].json, answers[1].json);
    assert_eq!(site.send("POST", "/api/v1/auth/login", Some(&first)).await.status, 200);
    assert_eq!(site.send("POST", "/api/v1/auth/login", Some(&second)).await.status, 401);
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let site = Site::start().await.with_user("ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org", "no address"] {
        let login = json!({"email": email, "password": "wrong wrong wrong wrong"});
        let refused = anonymous(&site).send("POST", "/api/v1/auth/login", Some(&login)).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert_eq!(
            refused.problem(),
            json!({
                "type": "urn:gathering:error:invalid_credentials",
                "title": "The email address or the password is wrong",
                "status": 401,
                "code": "invalid_credentials",
                "detail": "the email address or the password is wrong",
            })
        );
    }
}

#[tokio::test]
async fn every_rule_that_an_account_breaks_is_told_at_once() {
    let site = Site::start().await;
    let account = json!({"email": "nowhere", "password": "short"});
    let refused = site.send("POST", "/api/v1/auth/register", Some(&account)).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json["code"], "invalid_request");
    let places: Vec<_> = refused
        .problems()
        .iter()
        .map(|problem| problem["pointer"].clone())
        .collect();
    assert_eq!(places, ["/email", "/password"]);
}

#[tokio::test]
async fn registration_can_be_closed() {
    let site = Site::start_with(&[("GATHERING_REGISTRATION", "closed")]).await;
    let account = json!({"email": "ada@example.org", "password": PASSWORD});
    let refused = site.send("POST", "/api/v1/auth/register", Some(&account)).await;
    assert_eq!(
        (refused.status, refused.json["code"].as_str()),
        (403, Some("registration_closed"))
    );
}

#[tokio::test]
async fn every_route_behind_a_login_refuses_whoever_sends_no_token_or_a_wrong_one() {
    let site = Site::start().await;
    let id = "01890000-0000-7000-8000-000000000000";
    let routes = [
        ("GET", "/api/v1/auth/me".to_owned()),
        ("GET", "/api/v1/pipelines".to_owned()),
        ("POST", "/api/v1/pipelines".to_owned()),
        ("POST", "/api/v1/pipelines/validate".to_owned()),
        ("GET", format!("/api/v1/pipelines/{id}")),
        ("PUT", format!("/api/v1/pipelines/{id}")),
        ("DELETE", format!("/api/v1/pipelines/{id}")),
        ("POST", format!("/api/v1/pipelines/{id}/runs")),
        ("GET", "/api/v1/breakers".to_owned()),
        ("GET", format!("/api/v1/breakers/{id}")),
        ("POST", format!("/api/v1/breakers/{id}/reset")),
        ("GET", "/api/v1/runs".to_owned()),
        ("GET", format!("/api/v1/runs/{id}")),
        ("GET", format!("/api/v1/runs/{id}/journal")),
    ];
    for (method, path) in &routes {
        let refused = site.send(method, path, None).await;
        assert_eq!(
            (refused.status, refused.json["code"].as_str()),
            (401, Some("unauthenticated")),
            "{method} {path}"
        );
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        let refused = site.with_token("a.b.c").send(method, path, None).await;
        assert_eq!(
            (refused.status, refused.json["code"].as_str()),
            (401, Some("invalid_token")),
            "{method} {path}"
        );
        assert_eq!(refused.header("www-authenticate"), r#"Bearer error="invalid_token""#);
    }
}
