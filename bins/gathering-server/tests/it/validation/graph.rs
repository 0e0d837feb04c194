//! Rules of edges, and of what they lead to.

use serde_json::json;

use super::refused;

#[tokio::test]
async fn an_edge_leads_from_a_node_to_a_node() {
    refused(
        json!({
            "nodes": [{"id": "start", "type": "trigger"}],
            "edges": [{"from": "start", "to": "end"}, {"from": "strat", "to": "start"}],
        }),
        json!([
            {"node": null, "field": "edges[0].to", "code": "dangling_edge", "message": "there is no node `end`"},
            {"node": null, "field": "edges[1].from", "code": "dangling_edge",
             "message": "there is no node `strat`; did you mean `start`?"},
            {"node": null, "field": "edges[1].to", "code": "trigger_has_incoming",
             "message": "a run starts at a trigger node; no edge leads to it"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn two_nodes_are_joined_by_one_edge() {
    refused(
        json!({
            "nodes": [{"id": "start", "type": "trigger"}, {"id": "b", "type": "parallel"}],
            "edges": [{"from": "start", "to": "b"}, {"from": "start", "to": "b"}],
        }),
        json!([
            {"node": null, "field": "edges[1]", "code": "duplicate_edge",
             "message": "edges[0] joins the same two nodes; put both cases into its `when`"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn a_cycle_is_refused_with_its_path() {
    refused(
        json!({
            "nodes": [
                {"id": "a", "type": "parallel"},
                {"id": "b", "type": "parallel"},
                {"id": "c", "type": "parallel"},
            ],
            "edges": [
                {"from": "a", "to": "b"},
                {"from": "b", "to": "c"},
                {"from": "c", "to": "a"},
            ],
        }),
        json!([
            {"node": "a", "field": null, "code": "cycle",
             "message": "these nodes lead back to themselves: a -> b -> c -> a; remove one of the edges"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn every_node_can_be_reached() {
    refused(
        json!({
            "nodes": [
                {"id": "start", "type": "trigger"},
                {"id": "island", "type": "parallel"},
            ],
            "edges": [],
        }),
        json!([
            {"node": "island", "field": null, "code": "unreachable",
             "message": "nothing leads here from where the run starts; add an edge to it, or remove it"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn no_edge_leads_into_a_trigger() {
    refused(
        json!({
            "nodes": [{"id": "a", "type": "trigger"}, {"id": "b", "type": "trigger"}],
            "edges": [{"from": "a", "to": "b"}],
        }),
        json!([
            {"node": null, "field": "edges[0].to", "code": "trigger_has_incoming",
             "message": "a run starts at a trigger node; no edge leads to it"},
        ]),
    )
    .await;
}

#[tokio::test]
async fn only_the_edges_of_a_condition_have_an_outcome() {
    refused(
        json!({
            "nodes": [{"id": "start", "type": "trigger"}, {"id": "b", "type": "parallel"}],
            "edges": [{"from": "start", "to": "b", "when": true}],
        }),
        json!([
            {"node": null, "field": "edges[0].when", "code": "when_needs_condition",
             "message": "only an edge from a condition node is `true` or `false`; write an expression, or leave it out"},
        ]),
    )
    .await;
}
