//! What is answered and is put together by hand, as it is seen from outside.

#![expect(dead_code, reason = "they describe what handlers put together")]

use gathering::{ApiKey, Invitation, Problem as DefinitionProblem, RunStatus, Uuid};
use utoipa::ToSchema;

/// One page of a list.
#[derive(ToSchema)]
pub(in crate::http) struct Page<T> {
    /// The items of this page.
    items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// Says only that the request was taken, not whether the address had an account.
#[derive(ToSchema)]
#[schema(example = json!({"status": "accepted"}))]
pub(in crate::http) struct Accepted {
    /// Always `accepted`.
    status: String,
}

/// The tokens of a session.
#[derive(ToSchema)]
#[schema(example = json!({"access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.e30.c2ln", "token_type": "Bearer", "expires_in": 900,
    "refresh_token": "grt_5x0d6mbZr2TzVvGxj1q1w8W9nYpQvB3h"}))]
pub(in crate::http) struct Tokens {
    /// To be sent as `Authorization: Bearer …`: a JWT (RFC 9068).
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// How many seconds the access token is good for.
    #[schema(minimum = 0)]
    expires_in: i64,
    /// To be exchanged once for the next pair.
    refresh_token: String,
}

/// A run that was started, now or by an earlier request with the same key.
#[derive(ToSchema)]
#[schema(example = json!({"id": "0193c3f2-7b1e-7000-8000-3d9c5c0f1a2b", "status": "queued"}))]
pub(in crate::http) struct StartedRun {
    /// The run.
    id: Uuid,
    /// How far it has come.
    status: RunStatus,
}

/// What a check of a definition found.
#[derive(ToSchema)]
#[schema(example = json!({"valid": false, "problems": [{"node": "start", "field": "type", "code": "unknown_kind",
    "message": "there is no node type `triger`; did you mean `trigger`?"}]}))]
pub(in crate::http) struct Verdict {
    /// Whether it could be saved.
    valid: bool,
    /// Everything that is wrong with it.
    problems: Vec<DefinitionProblem>,
}

/// A server that works on the database.
#[derive(ToSchema)]
#[schema(example = json!({"id": "0193c3f2-7b1e-7000-8000-3d9c5c0f1a2b", "started_at": "2026-01-31T12:00:00Z", "heartbeat_age": "340ms"}))]
pub(in crate::http) struct Instance {
    /// Its id, new with each start.
    id: Uuid,
    /// Since when it works.
    #[schema(format = DateTime)]
    started_at: String,
    /// How long ago it last showed that it lives.
    heartbeat_age: String,
    /// Its name for people; told to administrators alone.
    #[schema(nullable = false)]
    name: Option<String>,
    /// How many runs it has in memory; told to administrators alone.
    #[schema(nullable = false, minimum = 0)]
    runs: Option<u64>,
}

/// An invitation that was made.
#[derive(ToSchema)]
pub(in crate::http) struct MadeInvitation {
    #[serde(flatten)]
    about: Invitation,
    /// What the invited person sends as `invitation` when registering.
    invitation: String,
}

/// An API key that was made.
#[derive(ToSchema)]
pub(in crate::http) struct MadeApiKey {
    #[serde(flatten)]
    about: ApiKey,
    /// The key itself, to be sent as `Authorization: Bearer …`.
    key: String,
}

/// What an authenticator app is to be told.
#[derive(ToSchema)]
pub(in crate::http) struct TotpEnrolment {
    /// The secret in base32, to be typed.
    secret: String,
    /// The same as an `otpauth://` URI, to be shown as a QR code.
    #[schema(format = "uri")]
    uri: String,
}

/// Recovery codes of a second factor.
#[derive(ToSchema)]
pub(in crate::http) struct FreshRecoveryCodes {
    /// Each counts once.
    recovery_codes: Vec<String>,
}

/// What came of something, as the audit says it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum AuditOutcome {
    Done,
    Failed,
    Denied,
}

/// How the server is.
#[derive(ToSchema)]
pub(in crate::http) struct Health {
    /// `alive` or `ready`.
    status: String,
}

/// Why a request was refused (RFC 9457).
#[derive(ToSchema)]
#[schema(example = json!({"type": "urn:gathering:error:not_found", "title": "There is no such thing", "status": 404, "code": "not_found",
    "detail": "there is no run 0193c3f2-7b1e-7000-8000-3d9c5c0f1a2b here", "request_id": "5f0c5d3e8a6b4c1d9e7f2a3b4c5d6e7f"}))]
pub(in crate::http) struct Problem {
    /// The code as a URN.
    #[schema(format = "uri")]
    r#type: String,
    /// The kind of problem, for people.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: i32,
    /// The kind of problem, for programs: it never changes.
    code: String,
    /// What failed, with which thing, and what to do.
    detail: String,
    /// The id under which the server's log has this request: that of `X-Request-Id`.
    request_id: String,
    /// The single problems, where there are several, or where a place can be named.
    #[schema(nullable = false)]
    problems: Option<Vec<ProblemItem>>,
}

/// One thing that is wrong with a request. Either its place in the request is named (`pointer`, `parameter` or `header`), or that in a definition
/// (`node` and `field`).
#[derive(ToSchema)]
#[schema(example = json!({"pointer": "/name", "code": "missing_field", "message": "is missing; it must be a text"}))]
pub(in crate::http) struct ProblemItem {
    /// A JSON pointer (RFC 6901) into the body.
    #[schema(nullable = false)]
    pointer: Option<String>,
    /// The name of a parameter of the query.
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// The name of a header.
    #[schema(nullable = false)]
    header: Option<String>,
    /// The node of the definition; null where it concerns no single one.
    #[schema(extensions(("x-may-be-missing" = json!(true))))]
    node: Option<String>,
    /// Where in the node, or in the definition; null where it concerns all of it.
    #[schema(extensions(("x-may-be-missing" = json!(true))))]
    field: Option<String>,
    /// What kind of mistake, for programs.
    code: String,
    /// What is wrong and what would be right.
    message: String,
}
