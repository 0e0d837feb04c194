//! The document and the pages that show it.

use crate::support::{Raw, Site};

#[tokio::test]
async fn the_pages_come_from_the_server_itself_and_may_ask_nobody_else() {
    let site = Site::start().await;
    let page = site.raw(Raw::get("/docs")).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8".to_owned())
    );
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    for text in [&page.text, &policy] {
        assert!(!text.contains("//"), "it names another server: {text}");
    }
    let mut files = 0;
    for part in page.text.split("\"/docs/").skip(1) {
        let name = part.split_once('"').unwrap().0;
        let file = site.raw(Raw::get(&format!("/docs/{name}"))).await;
        assert_eq!((file.status, file.text.is_empty()), (200, false), "{name}");
        assert_eq!(file.header("content-security-policy"), policy);
        files += 1;
    }
    assert_eq!(files, 4);
    let start = site.raw(Raw::get("/docs/start.js")).await;
    assert!(start.text.contains("url: '/openapi.json'"), "{}", start.text);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_and_everything_else_keeps_its_policy() {
    let site = Site::start().await;
    for path in [
        "/docs/nothing",
        "/docs/docs/start.js",
        "/docs/index.html",
        "/openapi.yaml",
    ] {
        let answer = site.raw(Raw::get(path)).await;
        assert_eq!(
            (answer.status, &answer.problem()["code"]),
            (404, &"route_not_found".into()),
            "{path}"
        );
    }
    let document = site.raw(Raw::get("/openapi.json")).await;
    assert_eq!(
        (document.status, document.header("content-type")),
        (200, "application/json".to_owned())
    );
    assert_eq!(document.json["openapi"], "3.1.0");
    assert_eq!(
        document.header("content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'"
    );
    let head = Raw {
        method: "HEAD",
        ..Raw::get("/openapi.json")
    };
    let head = site.raw(head).await;
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, document.header("content-length"))
    );
    for path in ["/openapi.json", "/docs", "/docs/start.js"] {
        let post = Raw {
            method: "POST",
            ..Raw::get(path)
        };
        let refused = site.raw(post).await;
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, "GET, HEAD".to_owned()),
            "{path}"
        );
    }
}
