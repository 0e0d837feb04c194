//! Pages of other origins, as browsers ask for them.

use serde_json::json;

use crate::support::{Answer, Raw, Site, anonymous};

const APP: &str = "https://app.example.org";

async fn site(origins: &str) -> Site {
    Site::start_with(&[("GATHERING_CORS_ALLOWED_ORIGINS", origins)]).await
}

async fn preflight(site: &Site, path: &str, origin: &str) -> Answer {
    let headers = &[
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let method = "OPTIONS";
    site.raw(Raw {
        method,
        path,
        headers,
        body: b"",
    })
    .await
}

async fn get(site: &Site, path: &str, origin: &str) -> Answer {
    let headers = &[("origin", origin)];
    site.raw(Raw {
        headers,
        ..Raw::get(path)
    })
    .await
}

#[tokio::test]
async fn an_allowed_page_may_ask_and_read_every_answer_also_the_errors() {
    let site = site(&format!("{APP}, http://localhost:3000")).await;
    for origin in [APP, "http://localhost:3000"] {
        let allowed = preflight(&site, "/api/v1/pipelines", origin).await;
        assert_eq!(allowed.status, 204);
        assert_eq!(allowed.header("access-control-allow-origin"), origin);
        assert_eq!(
            allowed.header("access-control-allow-methods"),
            "GET, HEAD, POST, PUT, DELETE"
        );
        let taken = allowed.header("access-control-allow-headers");
        assert!(
            taken.starts_with("Authorization, Content-Type, Idempotency-Key, If-Match"),
            "{taken}"
        );
        assert_eq!(
            (
                allowed.header("access-control-max-age").as_str(),
                allowed.header("vary").as_str()
            ),
            ("7200", "Origin")
        );
        assert_eq!(allowed.header("access-control-allow-credentials"), "");
    }
    for (path, status) in [
        ("/health/live", 200),
        ("/api/v1/runs", 401),
        ("/api/v1/nothing", 404),
        ("/openapi.json", 200),
    ] {
        let answer = get(&site, path, APP).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), APP);
        let exposed = answer.header("access-control-expose-headers");
        assert!(
            exposed.contains("X-Request-Id") && exposed.contains("Retry-After"),
            "{exposed}"
        );
    }
}

#[tokio::test]
async fn other_pages_are_told_nothing_and_what_is_kept_for_one_is_not_shown_to_another() {
    let site = site(APP).await;
    for origin in [
        "https://app.example.org.evil.example",
        "http://app.example.org",
        "null",
        "https://APP.example.org",
    ] {
        let refused = preflight(&site, "/api/v1/pipelines", origin).await;
        assert_eq!((refused.status, refused.header("vary").as_str()), (405, "Origin"));
        assert_eq!(refused.header("access-control-allow-origin"), "");
        let answer = get(&site, "/health/live", origin).await;
        assert_eq!(
            (
                answer.header("access-control-allow-origin").as_str(),
                answer.header("vary").as_str()
            ),
            ("", "Origin")
        );
    }
    assert_eq!(site.raw(Raw::get("/health/live")).await.header("vary"), "Origin");
}

#[tokio::test]
async fn without_the_setting_no_answer_speaks_of_origins() {
    let site = Site::start().await;
    let refused = preflight(&site, "/api/v1/pipelines", APP).await;
    assert_eq!(refused.status, 405);
    let answer = get(&site, "/health/live", APP).await;
    for answer in [refused, answer] {
        let names: Vec<_> = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
        assert!(
            !names
                .iter()
                .any(|name| name.starts_with("access-control") || name == "vary"),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn any_page_is_allowed_by_a_star() {
    let site = site("*").await;
    let answer = get(&site, "/health/live", "null").await;
    assert_eq!(
        (
            answer.header("access-control-allow-origin").as_str(),
            answer.header("vary").as_str()
        ),
        ("*", "")
    );
    assert_eq!(preflight(&site, "/api/v1/runs", APP).await.status, 204);
}

#[tokio::test]
async fn preflights_are_counted_with_what_reads_and_even_the_refusal_can_be_read() {
    let limits = [
        ("GATHERING_RATE_LIMITS", "on"),
        ("GATHERING_RATE_LIMIT_READ", "3/1h"),
        ("GATHERING_RATE_LIMIT_WRITE", "1/1h"),
    ];
    let site = Site::start_with(&[&limits[..], &[("GATHERING_CORS_ALLOWED_ORIGINS", APP)]].concat()).await;
    for _ in 0..3 {
        assert_eq!(preflight(&site, "/api/v1/runs", APP).await.status, 204);
    }
    let refused = preflight(&site, "/api/v1/runs", APP).await;
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin").as_str()),
        (429, APP)
    );
    let written = anonymous(&site)
        .send("POST", "/api/v1/runs/cancel", Some(&json!({})))
        .await;
    assert_eq!(written.status, 401);
}
