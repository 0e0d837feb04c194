//! What each operation does, in the words of the one table of who may do what; from which follows what it takes.

use gathering::{AccountAction as Account, ProjectAction as Project, Role, Scope, ServerAction as Server};
use serde_json::{Value, json};

/// What an operation does.
#[derive(Clone, Copy)]
enum Does {
    /// In a project.
    In(Project),
    /// To the server.
    On(Server),
    /// To one's own account.
    Own(Account),
}

use Does::{In, On, Own};

/// By the name of the operation. Whether it is true is tried in `tests/it/strangers.rs`, as each role and with each scope.
const OPERATIONS: [(&str, Does); 67] = [
    ("get_account", Own(Account::ViewAccount)),
    ("end_own_session", Own(Account::ManageSessions)),
    ("list_sessions", Own(Account::ManageSessions)),
    ("end_session", Own(Account::ManageSessions)),
    ("change_password", Own(Account::ChangePassword)),
    ("list_api_keys", Own(Account::ManageApiKeys)),
    ("create_api_key", Own(Account::ManageApiKeys)),
    ("get_api_key", Own(Account::ManageApiKeys)),
    ("end_api_key", Own(Account::ManageApiKeys)),
    ("get_totp", Own(Account::ManageSecondFactor)),
    ("enrol_totp", Own(Account::ManageSecondFactor)),
    ("confirm_totp", Own(Account::ManageSecondFactor)),
    ("disable_totp", Own(Account::ManageSecondFactor)),
    ("renew_recovery_codes", Own(Account::ManageSecondFactor)),
    ("list_projects", Own(Account::ViewOwnProjects)),
    ("create_project", On(Server::CreateProject)),
    ("get_project", In(Project::ViewProject)),
    ("update_project", In(Project::RenameProject)),
    ("delete_project", In(Project::DeleteProject)),
    ("list_members", In(Project::ViewMembers)),
    ("get_member", In(Project::ViewMembers)),
    ("add_member", In(Project::ManageMembers)),
    ("put_member", In(Project::ManageMembers)),
    ("remove_member", In(Project::ManageMembers)),
    ("list_pipelines", In(Project::ViewPipelines)),
    ("get_pipeline", In(Project::ViewPipelines)),
    ("create_pipeline", In(Project::SavePipeline)),
    ("update_pipeline", In(Project::SavePipeline)),
    ("delete_pipeline", In(Project::DeletePipeline)),
    ("validate_pipeline", On(Server::ValidatePipeline)),
    ("start_run", In(Project::StartRun)),
    ("list_runs", In(Project::ViewRuns)),
    ("get_run", In(Project::ViewRuns)),
    ("list_journal_entries", In(Project::ViewRuns)),
    ("cancel_run", In(Project::CancelRuns)),
    ("cancel_runs", In(Project::CancelRuns)),
    ("list_quarantined_nodes", In(Project::ViewRuns)),
    ("release_node", In(Project::DecideNode)),
    ("fail_node", In(Project::DecideNode)),
    ("list_breakers", In(Project::ViewBreakers)),
    ("get_breaker", In(Project::ViewBreakers)),
    ("reset_breaker", In(Project::ResetBreaker)),
    ("list_schedules", In(Project::ViewSchedules)),
    ("get_schedule", In(Project::ViewSchedules)),
    ("validate_schedule", In(Project::ViewSchedules)),
    ("explain_schedule", In(Project::ViewSchedules)),
    ("list_firings", In(Project::ViewSchedules)),
    ("draw_week", In(Project::ViewSchedules)),
    ("draw_week_of_schedule", In(Project::ViewSchedules)),
    ("create_schedule", In(Project::ChangeSchedules)),
    ("update_schedule", In(Project::ChangeSchedules)),
    ("delete_schedule", In(Project::ChangeSchedules)),
    ("pause_schedule", In(Project::ChangeSchedules)),
    ("resume_schedule", In(Project::ChangeSchedules)),
    ("trigger_schedule", In(Project::TriggerSchedule)),
    ("backfill_schedule", In(Project::TriggerSchedule)),
    ("list_instances", On(Server::ViewInstances)),
    ("list_users", On(Server::ViewUsers)),
    ("get_user", On(Server::ViewUsers)),
    ("set_role", On(Server::ManageUsers)),
    ("disable_user", On(Server::ManageUsers)),
    ("enable_user", On(Server::ManageUsers)),
    ("list_invitations", On(Server::ManageInvitations)),
    ("create_invitation", On(Server::ManageInvitations)),
    ("get_invitation", On(Server::ManageInvitations)),
    ("withdraw_invitation", On(Server::ManageInvitations)),
    ("list_audit_entries", On(Server::ViewAudit)),
];

/// How callers show who they are.
pub(super) fn schemes() -> Value {
    json!({
        "access_token": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The access token of `POST /api/v1/auth/login`.",
        },
        "api_key": {
            "type": "http", "scheme": "bearer", "bearerFormat": "gak_…",
            "description": "An API key of `POST /api/v1/auth/api-keys`. The scopes of which an operation needs one are named there.",
        },
    })
}

/// Adds what an operation behind the login takes: for people to its description, and for programs as `security` and `x-permission`.
pub(super) fn say(operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let Some((_, does)) = OPERATIONS.iter().find(|(name, _)| *name == id) else {
        // A test finds that it says nothing.
        return;
    };
    let scope = does.scope();
    operation["security"] = match scope {
        Some(scope) => json!([{"access_token": []}, {"api_key": [scope.as_str()]}]),
        None => json!([{"access_token": []}]),
    };
    operation["x-permission"] = does.permission();
    let before = operation["description"].as_str().unwrap_or_default();
    operation["description"] = format!("{before}\n\n{}", does.sentence()).trim().into();
}

impl Does {
    fn scope(self) -> Option<Scope> {
        match self {
            In(action) => action.scope(),
            On(action) => action.scope(),
            Own(action) => action.scope(),
        }
    }

    fn permission(self) -> Value {
        let (action, server_role, project_role) = match self {
            In(action) => (action.as_str(), None, Some(action.role().as_str())),
            On(action) => (action.as_str(), Some(action.role().as_str()), None),
            Own(action) => (action.as_str(), None, None),
        };
        let scope = self.scope().map(Scope::as_str);
        json!({"action": action, "server_role": server_role, "project_role": project_role, "scope": scope})
    }

    /// What it takes, in words.
    fn sentence(self) -> String {
        let role = match self {
            In(action) => format!("Takes the role `{}` in the project. ", action.role()),
            On(action) if action.role() > Role::Viewer => {
                format!("Takes the role `{}` on this server. ", action.role())
            }
            On(_) | Own(_) => String::new(),
        };
        match self.scope() {
            Some(scope) => format!("{role}An API key needs the scope `{scope}`."),
            None => format!("{role}Takes an access token: no API key may do it."),
        }
    }
}
