//! Who may do what: one table of actor, action and resource, without a database and without a clock.
//!
//! An actor is a user with a role on the server, who comes with a password or with an API key. What is acted upon is the user's own account, the
//! server, or a project and what lives in it; there it matters how the actor stands to the project. The whole table is a snapshot in the tests.

mod action;
mod role;
mod scope;

pub use action::{AccountAction, ProjectAction, ServerAction};
pub use role::{ProjectRole, Role, UnknownRole};
pub use scope::{Scope, Scopes, UnknownScope};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// What the user is on this server.
    pub role: Role,
    /// The API key; `None` where the user logged in.
    pub key: Option<Key>,
}

/// An API key, as far as it matters to what may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// What it is for.
    pub scopes: Scopes,
    /// Whether it is for one project only.
    pub confined: bool,
}

/// How an actor stands to a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The API key is for another project.
    Elsewhere,
    /// The user is no member.
    Stranger,
    /// The user is a member.
    Member(ProjectRole),
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Allowed,
    /// It may not, and the actor may know that it is there.
    Denied(Missing),
    /// It may not, and the actor must not learn whether it is there.
    Hidden,
}

/// What the actor lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// This role on the server.
    Role(Role),
    /// This role in the project.
    ProjectRole(ProjectRole),
    /// This scope of the API key.
    Scope(Scope),
    /// A login: no API key may do it.
    Login,
    /// An API key that is not for one project only.
    WholeKey,
}

impl Actor {
    /// Whether the actor may do this in a project.
    pub fn in_project(self, action: ProjectAction, standing: Standing) -> Verdict {
        let Some(has) = self.rank(standing) else {
            return Verdict::Hidden;
        };
        if !self.role.allows_in_projects(action.role()) {
            return Verdict::Denied(Missing::Role(Role::Member));
        }
        if has < action.role() {
            return Verdict::Denied(Missing::ProjectRole(action.role()));
        }
        self.by_scope(action.scope())
    }

    /// Whether the actor may do this to the server.
    pub fn on_server(self, action: ServerAction) -> Verdict {
        if self.role < action.role() {
            return Verdict::Denied(Missing::Role(action.role()));
        }
        if self.key.is_some_and(|key| key.confined) && !action.is_of_nobody() {
            return Verdict::Denied(Missing::WholeKey);
        }
        self.by_scope(action.scope())
    }

    /// Whether the actor may do this to the user's own account.
    pub fn on_account(self, action: AccountAction) -> Verdict {
        self.by_scope(action.scope())
    }

    /// What the actor is in a project; `None` where it must not be seen. An administrator is an owner everywhere.
    fn rank(self, standing: Standing) -> Option<ProjectRole> {
        match (standing, self.role) {
            (Standing::Elsewhere, _) | (Standing::Stranger, Role::Member | Role::Viewer) => None,
            (Standing::Stranger | Standing::Member(_), Role::Admin) => Some(ProjectRole::Owner),
            (Standing::Member(role), Role::Member | Role::Viewer) => Some(role),
        }
    }

    fn by_scope(self, scope: Option<Scope>) -> Verdict {
        match scope {
            _ if self.scope_covers(scope) => Verdict::Allowed,
            Some(scope) => Verdict::Denied(Missing::Scope(scope)),
            None => Verdict::Denied(Missing::Login),
        }
    }

    /// Whether the key is for this; `None` is what no key is for.
    fn scope_covers(self, scope: Option<Scope>) -> bool {
        self.key
            .is_none_or(|key| scope.is_some_and(|scope| key.scopes.contains(scope)))
    }
}
