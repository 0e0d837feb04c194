//! What can be done, and what it takes.

use super::role::{ProjectRole, Role};
use super::scope::Scope;

macro_rules! actions {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word, as in the audit.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

actions! {
    /// What can be done in a project.
    ProjectAction {
        /// See that it is there, and how it is called.
        ViewProject = "view_project",
        /// Call it otherwise.
        RenameProject = "rename_project",
        /// Delete it.
        DeleteProject = "delete_project",
        /// See who its members are.
        ViewMembers = "view_members",
        /// Add and remove members, and say what they may do.
        ManageMembers = "manage_members",
        /// See its pipelines.
        ViewPipelines = "view_pipelines",
        /// Save a pipeline, or a new version of one.
        SavePipeline = "save_pipeline",
        /// Delete a pipeline.
        DeletePipeline = "delete_pipeline",
        /// See its runs, with what they read and made.
        ViewRuns = "view_runs",
        /// Start a run.
        StartRun = "start_run",
        /// Cancel runs.
        CancelRuns = "cancel_runs",
        /// Decide about nodes in quarantine.
        DecideNode = "decide_node",
        /// See its circuit breakers.
        ViewBreakers = "view_breakers",
        /// Close a circuit breaker by hand.
        ResetBreaker = "reset_breaker",
        /// See its schedules, and what became of their due times.
        ViewSchedules = "view_schedules",
        /// Save, change, pause, resume and delete schedules.
        ChangeSchedules = "change_schedules",
        /// Have a schedule fire now, or for times that have passed.
        TriggerSchedule = "trigger_schedule",
    }
}

actions! {
    /// What can be done to the server.
    ServerAction {
        /// Have a definition checked, and nothing saved.
        ValidatePipeline = "validate_pipeline",
        /// Make a project.
        CreateProject = "create_project",
        /// See which instances live.
        ViewInstances = "view_instances",
        /// See the projects of everybody.
        ViewAllProjects = "view_all_projects",
        /// See who has an account.
        ViewUsers = "view_users",
        /// Disable and enable users, and say what they are.
        ManageUsers = "manage_users",
        /// Invite people to open an account.
        ManageInvitations = "manage_invitations",
        /// Read the audit.
        ViewAudit = "view_audit",
    }
}

actions! {
    /// What can be done to one's own account.
    AccountAction {
        /// See it.
        ViewAccount = "view_account",
        /// See which projects one is in.
        ViewOwnProjects = "view_own_projects",
        /// Go out of a project.
        LeaveProject = "leave_project",
        /// See and end sessions, log out.
        ManageSessions = "manage_sessions",
        /// Set a new password.
        ChangePassword = "change_password",
        /// See, make and end API keys.
        ManageApiKeys = "manage_api_keys",
        /// Set up a second factor.
        ManageSecondFactor = "manage_second_factor",
    }
}

impl ProjectAction {
    /// The least role in the project that may do it.
    pub fn role(self) -> ProjectRole {
        match self {
            Self::ViewProject
            | Self::ViewMembers
            | Self::ViewPipelines
            | Self::ViewRuns
            | Self::ViewBreakers
            | Self::ViewSchedules => ProjectRole::Viewer,
            Self::SavePipeline
            | Self::DeletePipeline
            | Self::StartRun
            | Self::CancelRuns
            | Self::DecideNode
            | Self::ResetBreaker
            | Self::ChangeSchedules
            | Self::TriggerSchedule => ProjectRole::Editor,
            Self::RenameProject | Self::DeleteProject | Self::ManageMembers => ProjectRole::Owner,
        }
    }

    /// The scope that an API key needs for it.
    pub fn scope(self) -> Option<Scope> {
        Some(match self {
            Self::ViewProject
            | Self::ViewMembers
            | Self::ViewPipelines
            | Self::ViewRuns
            | Self::ViewBreakers
            | Self::ViewSchedules => Scope::Read,
            Self::StartRun | Self::CancelRuns | Self::DecideNode | Self::TriggerSchedule => Scope::Run,
            Self::SavePipeline
            | Self::DeletePipeline
            | Self::ResetBreaker
            | Self::ChangeSchedules
            | Self::RenameProject
            | Self::DeleteProject => Scope::Write,
            Self::ManageMembers => Scope::Admin,
        })
    }
}

impl ServerAction {
    /// The least role on the server that may do it.
    pub fn role(self) -> Role {
        match self {
            Self::ValidatePipeline | Self::ViewInstances => Role::Viewer,
            Self::CreateProject => Role::Member,
            Self::ViewAllProjects | Self::ViewUsers | Self::ManageUsers | Self::ManageInvitations | Self::ViewAudit => {
                Role::Admin
            }
        }
    }

    /// Whether it tells and changes nothing of anybody, so that an API key for one project may do it as well.
    pub fn is_of_nobody(self) -> bool {
        match self {
            Self::ValidatePipeline => true,
            Self::CreateProject
            | Self::ViewInstances
            | Self::ViewAllProjects
            | Self::ViewUsers
            | Self::ManageUsers
            | Self::ManageInvitations
            | Self::ViewAudit => false,
        }
    }

    /// The scope that an API key needs for it.
    pub fn scope(self) -> Option<Scope> {
        Some(match self {
            Self::ValidatePipeline | Self::ViewInstances => Scope::Read,
            Self::CreateProject => Scope::Write,
            Self::ViewAllProjects | Self::ViewUsers | Self::ManageUsers | Self::ManageInvitations | Self::ViewAudit => {
                Scope::Admin
            }
        })
    }
}

impl AccountAction {
    /// The scope that an API key needs for it; `None` where none may: whoever finds a key must not be able to keep its user out.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::ViewAccount | Self::ViewOwnProjects => Some(Scope::Read),
            Self::LeaveProject
            | Self::ManageSessions
            | Self::ChangePassword
            | Self::ManageApiKeys
            | Self::ManageSecondFactor => None,
        }
    }
}
