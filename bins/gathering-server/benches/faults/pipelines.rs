//! What is run: a pipeline of each shape, every action of which posts to the receiver who it is.

use std::time::Duration;

use gathering_testkit::{Answer, Client, Receiver};
use serde_json::{Value, json};

use crate::chance::Chance;

/// Answered after some milliseconds.
const FAST: &str = "/fast";
/// Answered after some hundred.
const SLOW: &str = "/slow";
/// Refused now and then.
const FLAKY: &str = "/flaky";
/// Where the node calls under which processes die.
pub(crate) const KILLER: &str = "/killer";
/// That node.
pub(crate) const KILLER_NODE: &str = "killer";

/// How many answers of [`FLAKY`] the seed decides; the rest are good ones.
const FLAKY_ANSWERS: usize = 20_000;

/// How the receiver answers.
pub(crate) fn script(receiver: &Receiver, chance: &Chance) {
    receiver.answer(FAST, Answer::status(200).delay(Duration::from_millis(8)));
    receiver.answer(SLOW, Answer::status(200).delay(Duration::from_millis(300)));
    let flaky = |_| {
        let status = if chance.percent(25) { 503 } else { 200 };
        Answer::status(status).delay(chance.millis(1, 20))
    };
    let good = std::iter::once(Answer::status(200));
    receiver.answers(FLAKY, (0..FLAKY_ANSWERS).map(flaky).chain(good));
}

/// Saves those that the load starts, and gives their ids.
pub(crate) async fn save_all(client: &Client, receiver: &Receiver) -> Vec<String> {
    let mut ids = Vec::new();
    for definition in [
        chain(receiver),
        fan(receiver),
        flaky(receiver),
        branches(receiver),
        slow(receiver),
    ] {
        ids.push(save(client, &definition).await);
    }
    ids
}

/// Saves the one whose node kills.
pub(crate) async fn save_killer(client: &Client, receiver: &Receiver) -> String {
    let nodes = [
        post(receiver, "first", FAST),
        post(receiver, KILLER_NODE, KILLER),
        post(receiver, "last", FAST),
    ];
    save(client, &in_a_row(&nodes)).await
}

async fn save(client: &Client, definition: &Value) -> String {
    let saved = client
        .post("/api/v1/pipelines", &json!({"name": "load", "definition": definition}))
        .await;
    assert_eq!(saved.status, 201, "{}", saved.json);
    saved.json["id"].as_str().map(str::to_owned).unwrap_or_default()
}

fn post(receiver: &Receiver, id: &str, path: &str) -> Value {
    let config = json!({
        "action": "call_api", "method": "POST", "url": receiver.url(path), "body": {"run": "{{ run.id }}", "node": id}});
    json!({"id": id, "type": "action", "config": config,
           "retry": {"max_attempts": 10, "initial": "20ms", "max": "200ms"}})
}

fn in_a_row(nodes: &[Value]) -> Value {
    let pairs = nodes.windows(2);
    let edges: Vec<Value> = pairs
        .map(|pair| json!({"from": pair[0]["id"], "to": pair[1]["id"]}))
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

fn chain(receiver: &Receiver) -> Value {
    let ids = ["a", "b", "c", "d", "e", "f"];
    in_a_row(&ids.map(|id| post(receiver, id, FAST)))
}

fn flaky(receiver: &Receiver) -> Value {
    let ids = ["a", "b", "c", "d"];
    in_a_row(&ids.map(|id| post(receiver, id, FLAKY)))
}

fn slow(receiver: &Receiver) -> Value {
    in_a_row(&[
        post(receiver, "a", FAST),
        post(receiver, "b", SLOW),
        post(receiver, "c", SLOW),
    ])
}

/// One, then five beside each other, then a join and one more.
fn fan(receiver: &Receiver) -> Value {
    let middle = ["a", "b", "c", "d", "e"];
    let mut nodes = vec![post(receiver, "first", FAST)];
    nodes.extend(middle.map(|id| post(receiver, id, if id == "c" { FLAKY } else { FAST })));
    nodes.extend([json!({"id": "all", "type": "join"}), post(receiver, "last", FAST)]);
    let around = middle.map(|id| [json!({"from": "first", "to": id}), json!({"from": id, "to": "all"})]);
    let mut edges = around.concat();
    edges.push(json!({"from": "all", "to": "last"}));
    json!({"nodes": nodes, "edges": edges})
}

/// A condition that sends runs to a short delay, which stays in memory, or to a long one, which does not.
fn branches(receiver: &Receiver) -> Value {
    let delay = |id: &str, duration: &str| json!({"id": id, "type": "delay", "config": {"duration": duration}});
    let nodes = [
        json!({"id": "start", "type": "trigger"}),
        post(receiver, "ask", FAST),
        json!({"id": "odd", "type": "condition", "config": {"expression": "input.number % 2 == 1"}}),
        delay("short", "150ms"),
        delay("long", "1300ms"),
        json!({"id": "shape", "type": "transform", "config": {"output": {"status": "{{ nodes.ask.output.status }}"}}}),
        post(receiver, "tell", FAST),
    ];
    let edges = json!([
        {"from": "start", "to": "ask"}, {"from": "ask", "to": "odd"},
        {"from": "odd", "to": "short", "when": true}, {"from": "odd", "to": "long", "when": false},
        {"from": "short", "to": "shape"}, {"from": "long", "to": "tell"}, {"from": "shape", "to": "tell"}]);
    json!({"nodes": nodes, "edges": edges})
}
