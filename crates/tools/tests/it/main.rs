//! The tools over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod addresses;
mod answers;
mod configs;
mod endings;
mod notifications;
mod receiver;
mod requests;
mod trust;

use std::time::Duration;

use gathering_tools::{CallApi, CallContext, HttpClient, HttpOptions, ToolError};
use serde_json::{Map, Value};

/// A client that may reach this machine.
fn client() -> HttpClient {
    client_allowing("127.0.0.0/8, ::1")
}

fn client_allowing(list: &str) -> HttpClient {
    HttpClient::new(HttpOptions {
        policy: list.parse().unwrap(),
        ..HttpOptions::default()
    })
    .unwrap()
}

fn object(config: &Value) -> Map<String, Value> {
    config.as_object().unwrap().clone()
}

async fn call(client: &HttpClient, config: Value) -> Result<Value, ToolError> {
    let call = CallApi::from_config(&object(&config))?;
    client.call_api(&call, &CallContext::new("run/node")).await
}

/// Waits until `condition` holds, for at most ten seconds.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let polled = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), polled).await;
    assert!(in_time.is_ok(), "{what}: not within ten seconds");
}
