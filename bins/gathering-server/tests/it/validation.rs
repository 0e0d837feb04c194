//! Every rule of a definition, over HTTP: the whole answer, all problems at once.

mod config;
mod graph;

use serde_json::{Value, json};

use crate::support::Site;

/// Saves the definition on a server that allows three nodes, and compares the whole answer; nothing may have been saved.
async fn refused(definition: Value, problems: Value) {
    let site = Site::start_with(&[("GATHERING_MAX_PIPELINE_NODES", "3")])
        .await
        .with_user("ada@example.org")
        .await;
    let new = json!({"name": "wrong", "definition": definition});
    let answer = site.send("POST", "/api/v1/pipelines", Some(&new)).await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.problem(),
        json!({
            "type": "urn:gathering:error:invalid_pipeline",
            "title": "The pipeline is not valid",
            "status": 422,
            "code": "invalid_pipeline",
            "detail": "the definition breaks a rule; `problems` says which, with node and field",
            "problems": problems,
        })
    );
    let checked = site
        .send(
            "POST",
            "/api/v1/pipelines/validate",
            Some(&json!({"definition": definition})),
        )
        .await;
    assert_eq!(
        (checked.status, checked.json),
        (200, json!({"valid": false, "problems": problems}))
    );
    let saved = site.send("GET", "/api/v1/pipelines", None).await;
    assert_eq!(saved.json["items"], json!([]));
}

#[tokio::test]
async fn a_definition_that_breaks_no_rule_is_valid() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let definition = json!({"nodes": [{"id": "start", "type": "trigger"}]});
    let checked = site
        .send(
            "POST",
            "/api/v1/pipelines/validate",
            Some(&json!({"definition": definition})),
        )
        .await;
    assert_eq!(
        (checked.status, checked.json),
        (200, json!({"valid": true, "problems": []}))
    );
}

#[tokio::test]
async fn a_pipeline_has_at_least_one_node() {
    refused(
        json!({"nodes": []}),
        json!([
            {"node": null, "field": "nodes", "code": "empty",
             "message": "there are no nodes; a pipeline has at least one"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn a_definition_is_an_object() {
    refused(
        json!([]),
        json!([
            {"node": null, "field": null, "code": "wrong_type",
             "message": "this must be an object, and is a list"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn two_nodes_never_have_one_id() {
    refused(
        json!({
            "nodes": [
                {"id": "start", "type": "trigger"},
                {"id": "start", "type": "parallel"},
            ],
            "edges": [],
        }),
        json!([
            {"node": "start", "field": "id", "code": "duplicate_id",
             "message": "nodes[0] and nodes[1] have the same id; ids are unique"},
            {"node": "start", "field": null, "code": "unreachable",
             "message": "nothing leads here from where the run starts; add an edge to it, or remove it"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn an_id_is_there_and_is_made_of_letters_digits_underscores_and_dashes() {
    refused(
        json!({
            "nodes": [
                {"id": "two words", "type": "trigger"},
                {"id": "", "type": "trigger"},
                {"type": "trigger"},
            ],
            "edges": [],
        }),
        json!([
            {"node": null, "field": "nodes[0].id", "code": "invalid_id",
             "message": "`two words` is no id; use 1 to 64 letters a to z, digits, `_` and `-`"},
            {"node": null, "field": "nodes[1].id", "code": "invalid_id",
             "message": "`` is no id; use 1 to 64 letters a to z, digits, `_` and `-`"},
            {"node": null, "field": "nodes[2].id", "code": "missing_field", "message": "`id` is missing"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn an_unknown_kind_of_node_is_named_with_the_nearest_right_one() {
    refused(
        json!({"nodes": [{"id": "a", "type": "triger"}, {"id": "b"}], "edges": []}),
        json!([
            {"node": "a", "field": "type", "code": "unknown_kind",
             "message": "there is no node type `triger`; did you mean `trigger`?"},
            {"node": "b", "field": "type", "code": "missing_field", "message": "`type` is missing"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn unknown_fields_are_named_wherever_they_are() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "delay", "config": {"duration": "1s", "durration": "1s"}, "timeuot": "1s"},
            ],
            "edgse": [],
        }),
        json!([
            {"node": null, "field": "edgse", "code": "unknown_field",
             "message": "there is no field `edgse` here; did you mean `edges`?"},
            {"node": "a", "field": "timeuot", "code": "unknown_field",
             "message": "there is no field `timeuot` here; did you mean `timeout`?"},
            {"node": "a", "field": "config.durration", "code": "unknown_field",
             "message": "there is no field `durration` here; did you mean `duration`?"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn a_pipeline_has_no_more_nodes_than_the_setting_allows() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "trigger"},
                {"id": "b", "type": "trigger"},
                {"id": "c", "type": "trigger"},
                {"id": "d", "type": "trigger"},
            ],
            "edges": [],
        }),
        json!([
            {"node": null, "field": "nodes", "code": "too_many_nodes",
             "message": "4 nodes are more than the 3 that are allowed"},
        ]),
    )
    .await;
}
