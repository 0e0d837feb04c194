//! What every refused request looks like.

use serde_json::json;

use crate::support::{Raw, Site};

#[tokio::test]
async fn an_unknown_route_is_a_problem_with_the_request_id() {
    let site = Site::start().await;
    let raw = Raw {
        headers: &[("x-request-id", "order-17")],
        ..Raw::get("/api/v1/pipelnes")
    };
    let answer = site.raw(raw).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("x-request-id"), "order-17");
    assert_eq!(
        answer.json,
        json!({
            "type": "urn:gathering:error:route_not_found",
            "title": "There is no such route",
            "status": 404,
            "code": "route_not_found",
            "detail": "there is no route /api/v1/pipelnes; the API is under /api/v1",
            "request_id": "order-17",
        })
    );
}

#[tokio::test]
async fn a_request_id_that_is_not_fit_to_be_logged_is_replaced() {
    let site = Site::start().await;
    let raw = Raw {
        headers: &[("x-request-id", "two words")],
        ..Raw::get("/health/live")
    };
    let answer = site.raw(raw).await;
    assert_eq!(answer.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn a_method_that_a_route_does_not_take_is_refused_with_those_it_takes() {
    let site = Site::start().await;
    for (method, path, allow) in [
        ("DELETE", "/api/v1/pipelines", "GET, HEAD, POST"),
        ("POST", "/api/v1/pipelines/x", "GET, HEAD, PUT, DELETE"),
        ("GET", "/api/v1/pipelines/validate", "POST"),
        ("GET", "/api/v1/auth/login", "POST"),
        ("POST", "/api/v1/runs", "GET, HEAD"),
        ("GET", "/api/v1/breakers/x/reset", "POST"),
        ("PUT", "/health/ready", "GET, HEAD"),
    ] {
        let answer = site
            .raw(Raw {
                method,
                ..Raw::get(path)
            })
            .await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), allow);
        assert_eq!(answer.json["code"], "method_not_allowed");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_the_place() {
    let site = Site::start().await;
    let post = |body| Raw {
        method: "POST",
        body,
        headers: &[("content-type", "application/json")],
        ..Raw::get("/api/v1/auth/login")
    };
    for (body, detail) in [
        (
            &b"{\"email\": }"[..],
            "the body is not a JSON object: expected value at line 1 column 11",
        ),
        (
            b"{\"email\": \"a\"",
            "the body is not a JSON object: EOF while parsing an object at line 1 column 13",
        ),
        (
            b"[]",
            "the body is not a JSON object: invalid type: sequence, expected an object at line 1 column 0",
        ),
        (
            b"",
            "the body is not a JSON object: EOF while parsing a value at line 1 column 0",
        ),
    ] {
        let answer = site.raw(post(body)).await;
        assert_eq!(
            (answer.status, answer.json["code"].as_str()),
            (400, Some("malformed_json"))
        );
        assert_eq!(answer.json["detail"], detail);
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let site = Site::start().await;
    for headers in [&[("content-type", "text/plain")][..], &[]] {
        let answer = site
            .raw(Raw {
                method: "POST",
                body: b"{}",
                headers,
                ..Raw::get("/api/v1/auth/login")
            })
            .await;
        assert_eq!(
            (answer.status, answer.json["code"].as_str()),
            (415, Some("unsupported_media_type"))
        );
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_and_one_at_the_limit_is_read() {
    let site = Site::start_with(&[("GATHERING_HTTP_BODY_LIMIT", "1KiB")]).await;
    let of = |length: usize| {
        let frame = r#"{"email": "", "password": ""}"#.len();
        format!(r#"{{"email": "", "password": "{}"}}"#, "x".repeat(length - frame))
    };
    for (length, status) in [(1024, 401), (1025, 413)] {
        let body = of(length);
        let raw = Raw {
            method: "POST",
            body: body.as_bytes(),
            headers: &[("content-type", "application/json")],
            ..Raw::get("/api/v1/auth/login")
        };
        assert_eq!(site.raw(raw).await.status, status, "{length}");
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_with_the_nearest_right_one() {
    let site = Site::start().await;
    let body = json!({"emial": "a@example.org", "password": 7, "p/q": 1});
    let answer = site.send("POST", "/api/v1/auth/login", Some(&body)).await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.problem(),
        json!({
            "type": "urn:gathering:error:invalid_request",
            "title": "The request is not valid",
            "status": 422,
            "code": "invalid_request",
            "detail": "several things are wrong with the request; `problems` names each",
            "problems": [
                {"pointer": "/email", "code": "missing_field", "message": "is missing; it must be a text"},
                {"pointer": "/password", "code": "wrong_type", "message": "must be a text"},
                {"pointer": "/emial", "code": "unknown_field", "message": "there is no field `emial` here; did you mean `email`?"},
                {"pointer": "/p~1q", "code": "unknown_field", "message": "there is no field `p/q` here"},
            ],
        })
    );
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let answer = site
        .send("GET", "/api/v1/runs?limit=201&cursor=x&stauts=queued&status=done", None)
        .await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.json["problems"],
        json!([
            {"parameter": "status", "code": "invalid_value",
             "message": "must be queued, running, waiting, completed, failed, cancelled or timed_out"},
            {"parameter": "limit", "code": "invalid_value", "message": "must be a number from 1 to 200"},
            {"parameter": "cursor", "code": "invalid_value", "message": "must be the next_cursor of an earlier page"},
            {"parameter": "stauts", "code": "unknown_parameter",
             "message": "there is no parameter `stauts` here; did you mean `status`?"},
        ])
    );
}

#[tokio::test]
async fn every_answer_has_the_safety_headers() {
    let site = Site::start().await;
    for path in ["/health/live", "/nowhere"] {
        let answer = site.raw(Raw::get(path)).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_up_says_so() {
    let site = Site::start().await;
    let live = site.raw(Raw::get("/health/live")).await;
    assert_eq!((live.status, live.json), (200, json!({"status": "alive"})));
    let ready = site.raw(Raw::get("/health/ready")).await;
    assert_eq!((ready.status, ready.json), (200, json!({"status": "ready"})));
    let head = site
        .raw(Raw {
            method: "HEAD",
            ..Raw::get("/health/ready")
        })
        .await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn a_parameter_that_does_nothing_is_refused_instead_of_believed_in() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let pipeline = site.pipeline(&json!({"nodes": [{"id": "t", "type": "trigger"}]})).await;
    let run = site.start_run(&pipeline, &json!({})).await;
    for (method, path) in [
        ("POST", format!("/api/v1/pipelines/{pipeline}/runs?dry_run=true")),
        ("POST", format!("/api/v1/runs/{run}/cancel?force=1")),
        ("GET", format!("/api/v1/runs/{run}?include=nodes")),
        ("DELETE", format!("/api/v1/pipelines/{pipeline}?dry_run=true")),
        ("GET", "/api/v1/auth/me?full=1".to_owned()),
    ] {
        let refused = site.send(method, &path, None).await;
        assert_eq!(refused.status, 422, "{method} {path}");
        assert_eq!(refused.problems().len(), 1, "{}", refused.text);
    }
    let runs = site.send("GET", "/api/v1/runs", None).await;
    assert_eq!(runs.json["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        site.send("GET", &format!("/api/v1/pipelines/{pipeline}"), None)
            .await
            .status,
        200
    );
}
