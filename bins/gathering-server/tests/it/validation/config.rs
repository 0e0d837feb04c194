//! Rules of what a node is given: its config, its expressions, its retries.

use serde_json::json;

use super::refused;

#[tokio::test]
async fn a_missing_config_field_is_named() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "condition", "config": {}},
                {"id": "b", "type": "transform"},
                {"id": "c", "type": "action", "config": {"action": "call_api"}},
            ],
            "edges": [],
        }),
        json!([
            {"node": "a", "field": "config.expression", "code": "missing_field",
             "message": "`expression` is missing"},
            {"node": "b", "field": "config.output", "code": "missing_field", "message": "`output` is missing"},
            {"node": "c", "field": "config.url", "code": "missing_field", "message": "this field must be there"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn a_config_field_has_the_right_type() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "condition", "config": {"expression": 7}},
                {"id": "b", "type": "join", "config": {"mode": "some"}},
                {"id": "c", "type": "delay", "config": {"duration": "soon"}},
            ],
            "edges": [],
        }),
        json!([
            {"node": "a", "field": "config.expression", "code": "wrong_type",
             "message": "this must be a string, and is a number"},
            {"node": "b", "field": "config.mode", "code": "invalid_value",
             "message": "`some` is not one of `all`, `any`"},
            {"node": "c", "field": "config.duration", "code": "invalid_value",
             "message": "`soon` is no duration; write it like \"500ms\", \"30s\", \"5m\", \"1h\", \"1d\" or \"PT30S\""},
        ]),
    )
    .await;
}

#[tokio::test]
async fn an_expression_that_cannot_be_parsed_is_refused_with_its_position() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "condition", "config": {"expression": "input.x =="}},
                {"id": "b", "type": "transform", "config": {"output": {"list": ["{{ input. }}"]}}},
            ],
            "edges": [],
        }),
        json!([
            {"node": "a", "field": "config.expression", "code": "bad_expression",
             "message": "unexpected end of input, expected expression (line 1, column 9)"},
            {"node": "b", "field": "config.output.list[0]", "code": "bad_expression",
             "message": "unexpected end of input, expected identifier or integer (line 1, column 9)"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn an_expression_reads_only_what_can_be_there() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "transform", "config": {"output": "{{ inptu.x }}"}},
                {"id": "b", "type": "transform", "config": {"output": "{{ nodes.c.output }}"}},
                {"id": "d", "type": "transform", "config": {"output": "{{ nodes.a.output }}"}},
            ],
            "edges": [],
        }),
        json!([
            {"node": "a", "field": "config.output", "code": "unknown_name",
             "message": "there is no `inptu`; did you mean `input`?"},
            {"node": "b", "field": "config.output", "code": "unknown_node", "message": "there is no node `c`"},
            {"node": "d", "field": "config.output", "code": "not_upstream",
             "message": "`a` does not lead here, so that its output may not be there yet; add an edge, or read another node"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn an_action_that_nobody_registered_is_refused() {
    refused(
        json!({"nodes": [{"id": "a", "type": "action", "config": {"action": "call_apy"}}]}),
        json!([
            {"node": "a", "field": "config.action", "code": "unknown_action",
             "message": "there is no action `call_apy`; did you mean `call_api`?"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn the_config_of_an_action_is_checked_as_the_action_wants_it() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "action", "config": {"action": "call_api", "url": "ftp://x", "methd": "GET", "headers": {"Host": "x"}}},
            ],
        }),
        json!([
            {"node": "a", "field": "config.methd", "code": "unknown_field",
             "message": "there is no such field; known are url, method, headers, body, expect, max_bytes, timeout"},
            {"node": "a", "field": "config.url", "code": "invalid_value",
             "message": "the scheme must be http or https"},
            {"node": "a", "field": "config.headers.Host", "code": "invalid_value",
             "message": "this header is set by the client itself and cannot be configured"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn a_retry_is_within_its_bounds_and_only_on_an_action() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "action", "config": {"action": "send_notification", "url": "{{ input.hook }}", "message": 1}, "retry": {"max_attempts": 0, "initial": "x", "multiplier": 0.5}},
                {"id": "b", "type": "parallel", "retry": {"max_attempts": 2}},
            ],
            "edges": [],
        }),
        json!([
            {"node": "a", "field": "retry.max_attempts", "code": "invalid_value",
             "message": "this must be a whole number from 1 to 100"},
            {"node": "a", "field": "retry.initial", "code": "invalid_value",
             "message": "`x` is no duration; write it like \"500ms\", \"30s\", \"5m\", \"1h\", \"1d\" or \"PT30S\""},
            {"node": "a", "field": "retry.multiplier", "code": "invalid_value",
             "message": "this must be a number from 1 to 100"},
            {"node": "b", "field": "retry", "code": "unknown_field",
             "message": "`retry` has no meaning on a parallel node; leave it out"},
        ]),
    )
    .await;
}
