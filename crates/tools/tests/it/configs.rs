//! Configurations, as they are saved and as they are called.

use gathering_tools::{CallApi, ConfigProblem, check_call_api, check_send_notification};
use serde_json::{Value, json};

use crate::object;

fn found(problems: &[ConfigProblem]) -> Vec<(&str, &str)> {
    problems
        .iter()
        .map(|problem| (problem.field.as_str(), problem.code))
        .collect()
}

fn check(config: &Value) -> Vec<ConfigProblem> {
    check_call_api(&object(config))
}

#[test]
fn a_good_configuration_has_no_problem() {
    let config = json!({
        "action": "call_api", "url": "https://example.org/", "method": "POST", "headers": {"x": "y"}, "body": {"a": 1},
        "expect": ["200-299", 404], "max_bytes": 1000, "timeout": "PT5S",
    });
    assert_eq!(check(&config), []);
    assert_eq!(
        check_send_notification(&object(&json!({"url": "http://example.org/", "message": null}))),
        []
    );
}

#[test]
fn all_problems_are_told_at_once_each_with_its_field() {
    let config = json!({
        "method": "BREW", "headers": {"Host": "x", "bad name": "x", "a": [], "b": "x\ny"}, "expect": "2xx",
        "max_bytes": "10", "timeout": 30, "bdy": 1,
    });
    let problems = check(&config);
    assert_eq!(
        found(&problems),
        [
            ("bdy", "unknown_field"),
            ("url", "missing_field"),
            ("method", "invalid_value"),
            ("headers.Host", "invalid_value"),
            ("headers.bad name", "invalid_value"),
            ("headers.a", "wrong_type"),
            ("headers.b", "invalid_value"),
            ("expect", "invalid_value"),
            ("max_bytes", "wrong_type"),
            ("timeout", "wrong_type"),
        ]
    );
}

#[test]
fn headers_that_the_client_sets_itself_are_refused() {
    for name in [
        "Idempotency-Key",
        "host",
        "Content-Length",
        "transfer-encoding",
        "Connection",
        "upgrade",
    ] {
        let problems = check(&json!({"url": "http://example.org/", "headers": {name: "x"}}));
        assert_eq!(
            found(&problems),
            [(format!("headers.{name}").as_str(), "invalid_value")]
        );
    }
}

#[test]
fn templates_may_stand_where_a_value_of_their_kind_may() {
    let config = json!({
        "url": "{{ input.base }}/x", "method": "{{ input.method }}", "headers": {"a": "Bearer {{ input.token }}"},
        "body": "{{ input }}", "expect": ["{{ input.status }}", 404], "max_bytes": "{{ input.max }}", "timeout": "{{ input.s }}s",
    });
    assert_eq!(check(&config), []);
    assert_eq!(
        check(&json!({"url": "{{ input.url }}", "headers": "{{ input.headers }}"})),
        []
    );
    let text = json!({"url": "{{ input.url }}", "headers": "x {{ a }}", "max_bytes": "1{{ a }}{{ b }}"});
    assert_eq!(
        found(&check(&text)),
        [("headers", "wrong_type"), ("max_bytes", "wrong_type")]
    );
}

#[test]
fn when_it_is_called_braces_are_text_like_any_other() {
    let config = object(&json!({"url": "{{ input.url }}", "headers": {"Host": "x"}}));
    let error = CallApi::from_config(&config).unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("invalid_config", false));
    let problems = error.details().unwrap()["problems"].as_array().unwrap().clone();
    assert_eq!(problems[0]["field"], json!("url"));
    assert_eq!(problems[1]["field"], json!("headers.Host"));
    CallApi::from_config(&object(&json!({"url": "http://example.org/", "body": "{{"}))).unwrap();
}

#[test]
fn a_notification_needs_its_url_and_message() {
    let problems = check_send_notification(&object(&json!({"body": 1})));
    assert_eq!(
        found(&problems),
        [
            ("body", "unknown_field"),
            ("url", "missing_field"),
            ("message", "missing_field")
        ]
    );
}

#[test]
fn problems_without_end_are_cut() {
    let config: Value = (0..10_000).map(|n| (format!("field{n}"), json!(1))).collect();
    assert_eq!(check(&config).len(), 100);
}
