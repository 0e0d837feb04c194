//! How often somebody may ask.

use serde_json::{Value, json};

use crate::support::{Answer, Raw, Site};

/// Nothing comes back while a test lasts.
const SLOW: &str = "/1h";

async fn site(limits: &[(&str, u32)], more: &[(&str, &str)]) -> Site {
    let rates: Vec<_> = limits
        .iter()
        .map(|(name, count)| (*name, format!("{count}{SLOW}")))
        .collect();
    let mut variables = vec![("GATHERING_RATE_LIMITS", "on")];
    variables.extend(rates.iter().map(|(name, rate)| (*name, rate.as_str())));
    variables.extend(more);
    Site::start_with(&variables).await
}

async fn login(site: &Site, email: &str, headers: &[(&str, &str)]) -> Answer {
    let body = json!({"email": email, "password": "wrong wrong wrong wrong"});
    site.send_with("POST", "/api/v1/auth/login", Some(&body), headers).await
}

fn is_limited(answer: &Answer) -> bool {
    (answer.status, &answer.json["code"]) == (429, &Value::from("rate_limited"))
}

#[tokio::test]
async fn whoever_tries_too_many_passwords_is_told_when_to_go_on_and_everything_else_goes_on() {
    let site = site(&[("GATHERING_RATE_LIMIT_AUTH", 5)], &[]).await;
    for left in (0..5).rev() {
        let answer = login(&site, &format!("{left}@example.org"), &[]).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("ratelimit-limit"), "5");
        assert_eq!(answer.header("ratelimit-remaining"), left.to_string());
    }
    let refused = login(&site, "ada@example.org", &[]).await;
    assert!(is_limited(&refused), "{refused:?}");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((700..=720).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit-remaining"), "0");
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(refused.problem()["title"], "Too many requests");
    let health = site.raw(Raw::get("/health/live")).await;
    assert_eq!(
        (health.status, health.header("ratelimit-limit")),
        (200, "100".to_owned())
    );
    assert_eq!(site.send("GET", "/api/v1/pipelines", None).await.status, 401);
}

#[tokio::test]
async fn one_account_has_a_limit_of_its_own_and_other_accounts_are_not_concerned() {
    let site = site(&[("GATHERING_RATE_LIMIT_LOGIN", 2)], &[]).await;
    for _ in 0..2 {
        assert_eq!(login(&site, "ada@example.org", &[]).await.status, 401);
    }
    assert!(is_limited(&login(&site, " ADA@example.org", &[]).await));
    assert_eq!(login(&site, "eve@example.org", &[]).await.status, 401);
}

#[tokio::test]
async fn users_are_counted_each_for_themselves_and_made_up_tokens_for_the_address() {
    let site = site(
        &[("GATHERING_RATE_LIMIT_READ", 3), ("GATHERING_RATE_LIMIT_WRITE", 1)],
        &[],
    )
    .await;
    let (ada, eve) = (
        site.with_user("ada@example.org").await,
        site.with_user("eve@example.org").await,
    );
    let list = async |site: &Site| site.send("GET", "/api/v1/pipelines", None).await;
    for _ in 0..3 {
        assert_eq!(list(&ada).await.status, 200);
    }
    assert!(is_limited(&list(&ada).await));
    assert_eq!(list(&eve).await.status, 200);
    // What is written has a limit of its own.
    assert_eq!(
        ada.send("POST", "/api/v1/pipelines/validate", Some(&json!({})))
            .await
            .status,
        422
    );
    assert!(is_limited(
        &ada.send("POST", "/api/v1/pipelines/validate", Some(&json!({}))).await
    ));

    let mut refused = Vec::new();
    for number in 0..5 {
        refused.push(list(&site.with_token(&format!("made-up-{number}"))).await.status);
    }
    assert_eq!(refused, [401, 401, 401, 429, 429]);
    assert_eq!(list(&eve).await.status, 200);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_counts_and_nobody_is_believed_about_themselves() {
    let limits = [("GATHERING_RATE_LIMIT_AUTH", 1)];
    let from = async |site: &Site, address: &str| {
        login(site, "ada@example.org", &[("x-forwarded-for", address)])
            .await
            .status
    };

    let behind = site(&limits, &[("GATHERING_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    assert_eq!(from(&behind, "192.0.2.1").await, 401);
    assert_eq!(from(&behind, "192.0.2.1").await, 429);
    assert_eq!(from(&behind, "192.0.2.2").await, 401);
    // What a client puts in front of what the proxy appends changes nothing.
    assert_eq!(from(&behind, "198.51.100.7, 192.0.2.2").await, 429);

    let bare = site(&limits, &[]).await;
    assert_eq!(from(&bare, "192.0.2.1").await, 401);
    assert_eq!(from(&bare, "192.0.2.2").await, 429);
}

#[tokio::test]
async fn a_path_that_is_spelt_otherwise_is_the_same_path() {
    let site = site(&[("GATHERING_RATE_LIMIT_AUTH", 3)], &[]).await;
    let login = json!({"email": "ada@example.org", "password": "wrong wrong wrong wrong"});
    let mut told = Vec::new();
    for path in [
        "/api/v1/auth/login",
        "/api/v1/auth/%6cogin",
        "/api/v1/%61uth/l%6Fgin",
        "/api/v1/auth/%6cogin",
    ] {
        let headers = [("authorization", "Bearer made-up")];
        told.push(site.send_with("POST", path, Some(&login), &headers).await.status);
    }
    assert_eq!(told, [401, 401, 401, 429]);
    let large = json!({"email": "x".repeat(100_000), "password": "x"});
    assert_eq!(
        Site::start()
            .await
            .send("POST", "/api/v1/%61uth/login", Some(&large))
            .await
            .status,
        413
    );
}

#[tokio::test]
async fn a_session_says_which_address_it_really_came_from() {
    let site = site(&[], &[("GATHERING_TRUSTED_PROXIES", "127.0.0.1")])
        .await
        .with_user("ada@example.org")
        .await;
    let body = json!({"email": "ada@example.org", "password": "a password for the tests 7"});
    let headers = [("x-forwarded-for", "192.0.2.7"), ("user-agent", "Phone/1.0")];
    assert_eq!(
        site.send_with("POST", "/api/v1/auth/login", Some(&body), &headers)
            .await
            .status,
        200
    );
    let listed = site.send("GET", "/api/v1/auth/sessions", None).await;
    let newest = &listed.json["items"][0];
    assert_eq!(
        (&newest["address"], &newest["client"]),
        (&json!("192.0.2.7"), &json!("Phone/1.0"))
    );
}

#[tokio::test]
async fn without_limits_nobody_is_counted() {
    let site = Site::start().await;
    for _ in 0..100 {
        let answer = site.raw(Raw::get("/health/live")).await;
        assert_eq!((answer.status, answer.header("ratelimit-limit")), (200, String::new()));
    }
}

#[tokio::test]
async fn a_route_may_have_a_limit_of_its_own_for_each_user_and_others_go_on() {
    let routes = "POST /api/v1/runs/cancel=1/1h, GET /api/v1/runs/{id}=2/1h";
    let site = site(&[], &[("GATHERING_RATE_LIMIT_ROUTES", routes)]).await;
    let ada = site.with_user("ada@example.org").await;
    let cancel = async |site: &Site| {
        site.send("POST", "/api/v1/runs/cancel", Some(&json!({"all": true})))
            .await
    };
    let first = cancel(&ada).await;
    assert_eq!((first.status, first.header("ratelimit-limit")), (200, "1".to_owned()));
    assert!(is_limited(&cancel(&ada).await));
    let nowhere = |last: u32| format!("/api/v1/runs/0193c3f2-0000-7000-8000-00000000000{last}");
    assert_eq!(ada.send("GET", &nowhere(1), None).await.status, 404);
    assert_eq!(ada.send("HEAD", &nowhere(2), None).await.status, 404);
    // The route, whichever run it is about.
    assert!(is_limited(&ada.send("GET", &nowhere(3), None).await));
    let other = ada.send("GET", "/api/v1/runs", None).await;
    assert_eq!((other.status, other.header("ratelimit-limit")), (200, "500".to_owned()));
    assert_eq!(cancel(&site.with_user("bob@example.org").await).await.status, 200);
}
