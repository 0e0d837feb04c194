//! The actions that come built in: `call_api` and `send_notification`, from the tools to the pipeline engine.

use futures::future::BoxFuture;
use gathering_domain::Json;
use gathering_domain::definition::ConfigProblem;
use gathering_pipeline::{Call, Handler, HandlerError};
use gathering_tools::{CallApi, CallContext, HttpClient, SendNotification, ToolError, ToolErrorKind};
use serde_json::{Map, Value};

/// The action `call_api`.
#[derive(Debug)]
pub(crate) struct CallApiHandler(pub(crate) HttpClient);

/// The action `send_notification`.
#[derive(Debug)]
pub(crate) struct SendNotificationHandler(pub(crate) HttpClient);

impl Handler for CallApiHandler {
    fn check(&self, config: &Map<String, Value>) -> Vec<ConfigProblem> {
        gathering_tools::check_call_api(config)
            .into_iter()
            .map(problem)
            .collect()
    }

    fn has_target(&self) -> bool {
        true
    }

    fn target(&self, config: &Json) -> Option<String> {
        gathering_tools::target_of(&config.parse().ok()?)
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Result<Json, HandlerError>> {
        let client = self.0.clone();
        Box::pin(async move {
            let request = CallApi::from_config(&config(&call)?).map_err(|error| failed(&error))?;
            let answer = client
                .call_api(&request, &context(call))
                .await
                .map_err(|error| failed(&error))?;
            Ok(Json::from_value(&answer))
        })
    }
}

impl Handler for SendNotificationHandler {
    fn check(&self, config: &Map<String, Value>) -> Vec<ConfigProblem> {
        gathering_tools::check_send_notification(config)
            .into_iter()
            .map(problem)
            .collect()
    }

    fn has_target(&self) -> bool {
        true
    }

    fn target(&self, config: &Json) -> Option<String> {
        gathering_tools::target_of(&config.parse().ok()?)
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Result<Json, HandlerError>> {
        let client = self.0.clone();
        Box::pin(async move {
            let notification = SendNotification::from_config(&config(&call)?).map_err(|error| failed(&error))?;
            let answer = client
                .send_notification(&notification, &context(call))
                .await
                .map_err(|error| failed(&error))?;
            Ok(Json::from_value(&answer))
        })
    }
}

fn problem(problem: gathering_tools::ConfigProblem) -> ConfigProblem {
    ConfigProblem {
        field: problem.field,
        code: problem.code,
        message: problem.message,
    }
}

fn config(call: &Call) -> Result<Map<String, Value>, HandlerError> {
    call.config.parse().map_err(|error| {
        failed(&ToolError::new(ToolErrorKind::InvalidConfig, "the configuration is not an object").with_source(error))
    })
}

fn context(call: Call) -> CallContext {
    CallContext {
        idempotency_key: call.idempotency_key,
        cancelled: call.cancelled,
        run_id: Some(call.run_id),
        node_id: Some(call.node.to_string()),
        trace: call.trace,
    }
}

fn failed(error: &ToolError) -> HandlerError {
    // The journal keeps what is safe for the user; what caused it is for the log alone.
    tracing::debug!(error = error as &dyn std::error::Error, "a call failed");
    HandlerError {
        code: error.code().to_owned(),
        message: error.message().to_owned(),
        transient: error.is_transient(),
        retry_after: error.retry_after(),
        details: error.details().map(Json::from_value),
    }
}
