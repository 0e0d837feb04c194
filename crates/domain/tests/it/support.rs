//! What the tests share: definitions, scopes, and problems as short lines.

use std::sync::Arc;

use gathering_domain::definition::{Problem, Rules, compile};
use gathering_domain::expression::{EvalError, Expression};
use gathering_domain::pipeline::Pipeline;
use gathering_domain::scope::{Outputs, RunFacts, Scope};
use gathering_domain::{Json, RunId};
use serde_json::{Value, json};
use uuid::Uuid;

/// Compiles what must be right.
pub(crate) fn pipeline(definition: &Value) -> Pipeline {
    compile(definition, &Rules::default()).expect("the definition is right")
}

/// All that is wrong, with any handler accepted.
pub(crate) fn problems(definition: &Value) -> Vec<Problem> {
    compile(definition, &Rules::default()).err().unwrap_or_default()
}

/// All that is wrong, one line each: `node field: code, message`, with `-` for what is not there.
pub(crate) fn told(definition: &Value) -> Vec<String> {
    problems(definition).iter().map(line).collect()
}

/// One problem as a line.
pub(crate) fn line(problem: &Problem) -> String {
    let (node, field) = (problem.node.as_deref(), problem.field.as_deref());
    let (node, field) = (node.unwrap_or("-"), field.unwrap_or("-"));
    format!("{node} {field}: {}, {}", problem.code, problem.message)
}

/// A scope with two nodes: `fetch` gave `output`, `late` nothing yet.
pub(crate) fn scope(input: &Value, output: &Value) -> Scope {
    scope_of(Json::from_value(input), Json::from_value(output))
}

/// The same from documents that are already text.
pub(crate) fn scope_of(input: Json, output: Json) -> Scope {
    let nodes = [("fetch", "trigger"), ("my-id", "parallel"), ("late", "parallel")];
    let nodes: Vec<_> = nodes.iter().map(|(id, kind)| json!({"id": id, "type": kind})).collect();
    let edges = json!([{"from": "fetch", "to": "my-id"}, {"from": "my-id", "to": "late"}]);
    let pipeline = Arc::new(pipeline(&json!({"nodes": nodes, "edges": edges})));
    let outputs = Outputs::new(pipeline.nodes.len());
    outputs.set(0, output);
    outputs.set(1, Json::from_value(&json!("dashed")));
    Scope {
        pipeline,
        input,
        outputs,
        run: RunFacts {
            id: RunId::from(Uuid::from_u128(7)),
        },
    }
}

/// The value of an expression over an input.
pub(crate) fn evaluated(source: &str, input: &Value) -> Result<Value, EvalError> {
    Expression::parse(source)
        .expect("the expression is right")
        .evaluate(&scope(input, &json!({"status": 200, "body": [1, 2]})))
}
