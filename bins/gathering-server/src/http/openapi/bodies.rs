//! What is sent and taken field by field, as it is seen from outside. No field has a `default`: generators of clients then demand it.

#![expect(dead_code, reason = "they describe what `Fields` takes one by one")]

use std::collections::BTreeMap;

use gathering::{Json, ProjectRole, Role, Scope, Uuid};
use utoipa::ToSchema;

use super::definition::Definition;

/// An account to open.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org", "password": "a few unrelated words", "name": "Ada"}))]
pub(in crate::http) struct Registration {
    /// The address to log in with.
    #[schema(format = Email, min_length = 3, max_length = 254)]
    email: String,
    /// A few unrelated words make a good one; those that anybody would try first are refused.
    #[schema(format = Password, min_length = 15, max_length = 128)]
    password: String,
    /// How the user wants to be called.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The secret of an invitation, where strangers need one to register.
    invitation: Option<String>,
}

/// Who logs in.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org", "password": "a few unrelated words"}))]
pub(in crate::http) struct Login {
    /// The address of the account.
    email: String,
    /// Its password.
    #[schema(format = Password)]
    password: String,
    /// A code of the second factor, or a recovery code, where the user has a second factor.
    totp: Option<String>,
}

/// The token to exchange.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "grt_5x0d6mbZr2TzVvGxj1q1w8W9nYpQvB3h"}))]
pub(in crate::http) struct Refresh {
    /// The refresh token of the last login or refresh.
    refresh_token: String,
}

/// Which sessions end.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"everywhere": false}))]
pub(in crate::http) struct Logout {
    /// All sessions of the user, instead of this one; false where it is left out.
    everywhere: Option<bool>,
}

/// The change of a password.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "a few unrelated words", "new_password": "some other unrelated words"}))]
pub(in crate::http) struct PasswordChange {
    /// The password as it is.
    #[schema(format = Password)]
    current_password: String,
    /// The password as it shall be.
    #[schema(format = Password, min_length = 15, max_length = 128)]
    new_password: String,
}

/// A pipeline to save.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "greet", "definition": {"nodes": [{"id": "start", "type": "trigger"},
    {"id": "greet", "type": "transform", "config": {"output": "Hello {{ input.name }}"}}], "edges": [{"from": "start", "to": "greet"}]}}))]
pub(in crate::http) struct NewPipeline {
    /// Its name, without characters that cannot be seen.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it does.
    definition: Definition,
    /// Where it will live; the caller's own project where it is left out.
    project_id: Option<Uuid>,
}

/// A new version of a pipeline.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"definition": {"nodes": [{"id": "start", "type": "trigger"}]}}))]
pub(in crate::http) struct PipelineChange {
    /// A new name; the old one stays where it is left out.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What it does from now on.
    definition: Definition,
}

/// A definition to check, in the body that would save it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"definition": {"nodes": [{"id": "start", "type": "trigger"}]}}))]
pub(in crate::http) struct Check {
    /// Anything; what is wrong with it is told.
    definition: Json,
    /// Not looked at.
    name: Option<String>,
    /// Not looked at.
    project_id: Option<String>,
}

/// A run to start. Without a body it gets null as its input.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"input": {"name": "Ada"}, "labels": {"team": "blue"}, "priority": 10}))]
pub(in crate::http) struct NewRun {
    /// What the trigger gives to the nodes, at most 100 levels deep.
    #[schema(required = false)]
    input: Json,
    /// For whoever searches: at most 32, with names of up to 64 characters and values of up to 256.
    labels: Option<BTreeMap<String, String>>,
    /// Higher is taken first; 0 where it is left out.
    #[schema(minimum = -32768, maximum = 32767)]
    priority: Option<i16>,
}

/// Why something is given up.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "no longer needed"}))]
pub(in crate::http) struct WithReason {
    /// For people, and for the journal.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Which runs to cancel: a filter, or `all`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "queued", "labels": {"team": "blue"}, "reason": "no longer needed", "limit": 1000}))]
pub(in crate::http) struct CancelRuns {
    /// The project; the caller's own where it is left out.
    project_id: Option<Uuid>,
    /// Runs of this pipeline.
    pipeline_id: Option<Uuid>,
    /// Runs that are this far.
    #[schema(value_type = Option<OpenRunStatus>)]
    status: Option<String>,
    /// Runs that have all of these labels.
    labels: Option<BTreeMap<String, String>>,
    /// Runs that were created earlier.
    #[schema(format = DateTime)]
    created_before: Option<String>,
    /// Runs that were created later.
    #[schema(format = DateTime)]
    created_after: Option<String>,
    /// That all open runs of the project are meant, where there is no filter; false where it is left out.
    all: Option<bool>,
    /// For people, and for the journals.
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// How many runs are looked at; 1000 where it is left out.
    #[schema(minimum = 1, maximum = 5000)]
    limit: Option<u32>,
    /// The `next_cursor` of the answer before.
    #[schema(pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    cursor: Option<String>,
}

/// The status of a run that has not ended.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum OpenRunStatus {
    Queued,
    Running,
    Waiting,
}

/// Nothing is taken but an empty object, or no body at all.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(in crate::http) struct Nothing {}

/// The name of a project.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Night shift"}))]
pub(in crate::http) struct ProjectName {
    /// How it is called, without characters that cannot be seen.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// Who becomes a member of a project.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"user_id": "0193c3f2-7b1e-7001-8000-3d9c5c0f1a2b", "role": "editor"}))]
pub(in crate::http) struct NewMember {
    /// The user.
    user_id: Uuid,
    /// What the user will be in the project.
    role: ProjectRole,
}

/// What a member is from now on.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "editor"}))]
pub(in crate::http) struct MemberRole {
    /// What the user will be in the project.
    role: ProjectRole,
}

/// What a user is from now on.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "viewer"}))]
pub(in crate::http) struct UserRole {
    /// What the user will be on this server.
    role: Role,
}

/// Whom to invite, and as what.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "bob@example.org", "role": "member", "expires_in": "7d"}))]
pub(in crate::http) struct NewInvitation {
    /// The only address that can register with it; whoever has it where it is left out.
    #[schema(format = Email, min_length = 3, max_length = 254)]
    email: Option<String>,
    /// What the new user will be on this server; `member` where it is left out.
    role: Option<Role>,
    /// In which project besides their own; goes with `project_role`.
    project_id: Option<Uuid>,
    /// And as what.
    project_role: Option<ProjectRole>,
    /// How long it may be used: 1 minute to 90 days; 7 days where it is left out.
    expires_in: Option<String>,
}

/// An API key to make.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "deployments", "scopes": ["read", "run"], "expires_in": "30d"}))]
pub(in crate::http) struct NewApiKey {
    /// What its user calls it, without characters that cannot be seen.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it is for.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// The only project that it is for; all of its user's where it is left out.
    project_id: Option<Uuid>,
    /// How long it may be used: 1 minute to 366 days; 90 days where it is left out.
    expires_in: Option<String>,
}

/// That it is really the user.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "a few unrelated words"}))]
pub(in crate::http) struct CurrentPassword {
    /// The password as it is.
    #[schema(format = Password)]
    current_password: String,
}

/// That the app was told.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"totp": "123456"}))]
pub(in crate::http) struct TotpCode {
    /// The code that the app shows.
    totp: String,
}

/// That it is really the user, twice.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "a few unrelated words", "totp": "123456"}))]
pub(in crate::http) struct PasswordAndCode {
    /// The password as it is.
    #[schema(format = Password)]
    current_password: String,
    /// The code that the app shows, or a recovery code.
    totp: String,
}
