//! Who is what in a project.

use gathering_domain::policy::{ProjectAction, ProjectRole};
use gathering_domain::{ProjectId, UserId};
use gathering_persistence::project_members::{self, MemberRow};
use gathering_persistence::{Page, PageRequest, Transaction, projects, users};
use jiff::Timestamp;
use serde::Serialize;

use super::confirming::needs_login;
use super::projects::MOST_PROJECTS;
use super::sessions::{begin, by, commit};
use super::{Accounts, Identity};
use crate::Error;
use crate::audit::Action;
use crate::error::{FieldProblem, StillNeeded};

/// The most members of a project.
const MOST_MEMBERS: i64 = 1_000;

/// A member of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// The user.
    pub user_id: UserId,
    /// The user's address.
    pub email: String,
    /// How the user wants to be called.
    pub name: Option<String>,
    /// What the user is in the project.
    pub role: ProjectRole,
    /// Since when.
    pub added_at: Timestamp,
}

/// What became of a user who was made a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutMember {
    /// The member.
    pub member: Member,
    /// Whether the user was none before.
    pub added: bool,
}

/// What is done where the user is a member already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Already {
    Refused,
    Changed,
}

impl Already {
    /// That there is no such user: who was added is a field of a request, who was put was named otherwise.
    fn unknown(self, user: UserId) -> Error {
        let message = "There is no such user; the id of a user is what they see as `id` at /api/v1/auth/me.";
        match self {
            Self::Refused => Error::Invalid {
                problems: vec![FieldProblem::new("user_id", "unknown", message)],
            },
            Self::Changed => Error::UnknownUser(user),
        }
    }
}

impl Accounts {
    /// The members of a project, those with the youngest accounts first.
    pub async fn members(&self, project: ProjectId, page: PageRequest) -> Result<Page<Member>, Error> {
        let connection = self.connection().await?;
        let found = project_members::list(&connection, project, page).await?;
        Ok(Page {
            items: found.items.into_iter().map(Member::from).collect(),
            next: found.next,
        })
    }

    /// One member of a project.
    pub async fn member(&self, project: ProjectId, user: UserId) -> Result<Option<Member>, Error> {
        let connection = self.connection().await?;
        let found = project_members::get(&connection, project, user).await?;
        Ok(found.map(Member::from))
    }

    /// Makes a user a member, at once on every instance. `None` if there is no such project.
    ///
    /// Who is one is refused as [`Error::AlreadyMember`], a user who is unknown as [`Error::Invalid`].
    pub async fn add_member(
        &self,
        identity: &Identity,
        project: ProjectId,
        user: UserId,
        role: ProjectRole,
    ) -> Result<Option<Member>, Error> {
        let put = self.put(identity, project, (user, role), Already::Refused).await?;
        Ok(put.map(|put| put.member))
    }

    /// Makes a user a member, or the member something else, at once on every instance. `None` if there is no such project.
    ///
    /// The last owner is refused as [`Error::StillNeeded`], a user who is unknown as [`Error::UnknownUser`].
    pub async fn put_member(
        &self,
        identity: &Identity,
        project: ProjectId,
        user: UserId,
        role: ProjectRole,
    ) -> Result<Option<PutMember>, Error> {
        self.put(identity, project, (user, role), Already::Changed).await
    }

    async fn put(
        &self,
        identity: &Identity,
        project: ProjectId,
        put: (UserId, ProjectRole),
        already: Already,
    ) -> Result<Option<PutMember>, Error> {
        let outcome = self.try_put(identity, project, put, already).await;
        let event = || by(identity, Action::PutMember).to(&project);
        self.noting(outcome, event, &identity.client).await
    }

    async fn try_put(
        &self,
        identity: &Identity,
        project: ProjectId,
        (user, role): (UserId, ProjectRole),
        already: Already,
    ) -> Result<Option<PutMember>, Error> {
        needs_login(identity, user == identity.user_id, role == ProjectRole::Owner)?;
        let now = self.clock.now();
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let Some(own) = projects::lock_in(&tx, project).await? else {
            return Ok(None);
        };
        self.confirm_in_project_in(&tx, identity, ProjectAction::ManageMembers, project)
            .await?;
        let before = project_members::role(&tx, project, user).await?;
        match before {
            Some(role) if already == Already::Refused => return Err(Error::AlreadyMember { user, role }),
            Some(before) => check_still_owned_in(&tx, project, own == Some(user), before, Some(role)).await?,
            None if !is_active_in(&tx, user).await? => return Err(already.unknown(user)),
            None => check_room_in(&tx, project, user).await?,
        }
        project_members::put(&tx, project, user, role, now).await?;
        let event = by(identity, Action::PutMember).to(&project);
        let event = event.saying(&format_args!("{user} as {role}"));
        self.note_in(&tx, event, &identity.client, now).await?;
        let member = project_members::get(&tx, project, user).await?;
        commit(tx).await?;
        Ok(member.map(|row| PutMember {
            member: row.into(),
            added: before.is_none(),
        }))
    }

    /// Takes a member out, at once on every instance. `false` if there is no such project or member.
    ///
    /// The last owner is refused as [`Error::StillNeeded`].
    pub async fn remove_member(&self, identity: &Identity, project: ProjectId, user: UserId) -> Result<bool, Error> {
        let outcome = self.try_remove_member(identity, project, user).await;
        let event = || by(identity, Action::RemoveMember).to(&project);
        self.noting(outcome, event, &identity.client).await
    }

    async fn try_remove_member(&self, identity: &Identity, project: ProjectId, user: UserId) -> Result<bool, Error> {
        needs_login(identity, user == identity.user_id, false)?;
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let Some(own) = projects::lock_in(&tx, project).await? else {
            return Ok(false);
        };
        // Everybody may go out; whoever takes out others has to be allowed to, now.
        if user != identity.user_id {
            self.confirm_in_project_in(&tx, identity, ProjectAction::ManageMembers, project)
                .await?;
        }
        let Some(before) = project_members::role(&tx, project, user).await? else {
            return Ok(false);
        };
        check_still_owned_in(&tx, project, own == Some(user), before, None).await?;
        project_members::remove(&tx, project, user).await?;
        let event = by(identity, Action::RemoveMember).to(&project).saying(&user);
        self.note_in(&tx, event, &identity.client, self.clock.now()).await?;
        commit(tx).await?;
        Ok(true)
    }
}

/// Refuses to take the last owner away, and the owner of whose own project it is.
async fn check_still_owned_in(
    tx: &Transaction<'_>,
    project: ProjectId,
    is_own: bool,
    before: ProjectRole,
    after: Option<ProjectRole>,
) -> Result<(), Error> {
    if before != ProjectRole::Owner || after == Some(ProjectRole::Owner) {
        return Ok(());
    }
    if is_own {
        return Err(Error::StillNeeded(StillNeeded::OwnProject));
    }
    let (_, owners) = project_members::count_in(tx, project).await?;
    if owners > 1 {
        return Ok(());
    }
    Err(Error::StillNeeded(StillNeeded::LastOwner))
}

/// Whether there is such a user, who may come in.
async fn is_active_in(tx: &Transaction<'_>, user: UserId) -> Result<bool, Error> {
    let known = users::by_id(tx, user).await?;
    Ok(known.is_some_and(|user| user.disabled_at.is_none()))
}

/// Refuses one more member where there are as many as there may be.
async fn check_room_in(tx: &Transaction<'_>, project: ProjectId, user: UserId) -> Result<(), Error> {
    let (members, _) = project_members::count_in(tx, project).await?;
    for (count, most, what) in [
        (members, MOST_MEMBERS, "members of a project"),
        (
            project_members::count_of(tx, user).await?,
            MOST_PROJECTS,
            "projects of a user",
        ),
    ] {
        if count >= most {
            return Err(Error::LimitReached { what, most });
        }
    }
    Ok(())
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        Self {
            user_id: row.user_id,
            email: row.email,
            name: row.name,
            role: row.role,
            added_at: row.added_at,
        }
    }
}
