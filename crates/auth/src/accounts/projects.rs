//! Projects, and how a user stands to one.

use std::time::Duration;

use gathering_domain::name::check_name;
use gathering_domain::policy::{ProjectAction, ProjectRole, Standing};
use gathering_domain::{ProjectId, UserId};
use gathering_persistence::project_keys::ProjectKey;
use gathering_persistence::projects::{self, ProjectRow};
use gathering_persistence::{Page, PageRequest, Transaction, project_keys, project_members, users};
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::sessions::{begin, by, commit};
use super::{Accounts, Identity};
use crate::Error;
use crate::audit::Action;
use crate::error::{FieldProblem, StillNeeded};

/// The most projects that a user may be a member of.
pub(super) const MOST_PROJECTS: i64 = 1_000;

/// A project, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// How it is called.
    pub name: String,
    /// What the caller is in it; null for an administrator who is no member.
    pub role: Option<ProjectRole>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project that was made, now or by an earlier request with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedProject {
    /// The project as it was made.
    pub project: Project,
    /// Whether an earlier request with the same key had made it.
    pub replayed: bool,
}

impl Accounts {
    /// How the caller stands to a project. Runs no query for the user's own one: nobody can take that away.
    pub async fn standing(&self, identity: &Identity, project: ProjectId) -> Result<Standing, Error> {
        if identity.confined_to().is_some_and(|only| only != project) {
            return Ok(Standing::Elsewhere);
        }
        if project == identity.default_project_id {
            return Ok(Standing::Member(ProjectRole::Owner));
        }
        let role = project_members::role(&self.connection().await?, project, identity.user_id).await?;
        Ok(role.map_or(Standing::Stranger, Standing::Member))
    }

    /// Whether there is such a project, and it was not deleted.
    pub async fn project_exists(&self, project: ProjectId) -> Result<bool, Error> {
        Ok(project_members::project_exists(&self.connection().await?, project).await?)
    }

    /// Makes a project that the caller owns.
    pub async fn create_project(&self, identity: &Identity, name: &str) -> Result<Project, Error> {
        let outcome = self.try_create_project(identity, name).await;
        self.noting(outcome, || by(identity, Action::CreateProject), &identity.client)
            .await
    }

    async fn try_create_project(&self, identity: &Identity, name: &str) -> Result<Project, Error> {
        let (now, name) = (self.clock.now(), checked(name)?);
        let id = ProjectId::new(now, &*self.entropy);
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let made = self.make_in(&tx, identity, (id, name, now)).await?;
        commit(tx).await?;
        Ok(made)
    }

    /// Makes a project once for this key of the caller; asked again, it answers the same. Another name under the same key is
    /// [`Error::KeyReused`]. [`Accounts::purge`] forgets keys that are a day old.
    pub async fn create_project_once(
        &self,
        identity: &Identity,
        name: &str,
        key: &str,
    ) -> Result<CreatedProject, Error> {
        let outcome = self.try_create_project_once(identity, name, key).await;
        self.noting(outcome, || by(identity, Action::CreateProject), &identity.client)
            .await
    }

    async fn try_create_project_once(
        &self,
        identity: &Identity,
        name: &str,
        key: &str,
    ) -> Result<CreatedProject, Error> {
        let (now, name) = (self.clock.now(), checked(name)?);
        let asked = ProjectKey {
            project_id: ProjectId::new(now, &*self.entropy),
            fingerprint: digest(&SHA256, name.as_bytes()).as_ref().to_vec(),
            created_at: now,
        };
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        // First, so that of many who ask at once all but one wait here, and then learn what was made.
        if project_keys::insert(&tx, identity.user_id, key, &asked).await? {
            let project = self.make_in(&tx, identity, (asked.project_id, name, now)).await?;
            commit(tx).await?;
            return Ok(CreatedProject {
                project,
                replayed: false,
            });
        }
        match project_keys::get(&tx, identity.user_id, key).await? {
            Some(made) if made.fingerprint == asked.fingerprint => Ok(CreatedProject {
                project: owned((made.project_id, name, made.created_at)),
                replayed: true,
            }),
            Some(made) => Err(Error::KeyReused(made.project_id)),
            // Forgotten in this moment: the next try makes the project.
            None => Err(Error::Busy {
                retry_after: Duration::from_secs(1),
            }),
        }
    }

    async fn make_in(
        &self,
        tx: &Transaction<'_>,
        identity: &Identity,
        (id, name, now): (ProjectId, &str, Timestamp),
    ) -> Result<Project, Error> {
        // Of those who make one at once, each counts those of the others.
        if !users::keep_out_in(tx, identity.user_id).await? {
            return Err(Error::UnknownUser(identity.user_id));
        }
        // Those that the user made: that others make the user a member of theirs must not take anything away.
        if projects::count_made_by(tx, identity.user_id).await? >= MOST_PROJECTS {
            return Err(Error::LimitReached {
                what: "projects that a user has made",
                most: MOST_PROJECTS,
            });
        }
        insert_in(tx, id, name, identity.user_id, now).await?;
        self.note_in(tx, by(identity, Action::CreateProject).to(&id), &identity.client, now)
            .await?;
        Ok(owned((id, name, now)))
    }

    /// A project, unless it was deleted.
    pub async fn project(&self, identity: &Identity, id: ProjectId) -> Result<Option<Project>, Error> {
        let connection = self.connection().await?;
        Ok(projects::get(&connection, id, identity.user_id)
            .await?
            .map(Project::from))
    }

    /// The projects that the caller is a member of, newest first; with `all` those of everybody.
    pub async fn projects(&self, identity: &Identity, all: bool, page: PageRequest) -> Result<Page<Project>, Error> {
        let connection = self.connection().await?;
        let found = if all {
            projects::all(&connection, identity.user_id, page).await?
        } else {
            projects::of_member(&connection, identity.user_id, page).await?
        };
        Ok(Page {
            items: found.items.into_iter().map(Project::from).collect(),
            next: found.next,
        })
    }

    /// Calls a project otherwise; `false` if there is none.
    pub async fn rename_project(&self, identity: &Identity, id: ProjectId, name: &str) -> Result<bool, Error> {
        let name = checked(name)?;
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        if projects::lock_in(&tx, id).await?.is_none() {
            return Ok(false);
        }
        self.confirm_in_project_in(&tx, identity, ProjectAction::RenameProject, id)
            .await?;
        let renamed = projects::rename(&tx, id, name).await?;
        let event = by(identity, Action::RenameProject).to(&id).if_done(renamed);
        self.note_in(&tx, event.saying(name), &identity.client, self.clock.now())
            .await?;
        commit(tx).await?;
        Ok(renamed)
    }

    /// Deletes a project: nobody sees it any more. `false` if there is none. That nothing lives in it is for whoever calls to see to.
    ///
    /// The own project of a user is refused as [`Error::StillNeeded`].
    pub async fn delete_project(&self, identity: &Identity, id: ProjectId) -> Result<bool, Error> {
        let outcome = self.try_delete_project(identity, id).await;
        self.note_project_deletion(identity, id, outcome).await
    }

    /// Deletes a project in the caller's transaction, which from then on sees everything that was put into the project: who does that keeps it from being deleted
    /// until it is there. What the transaction does besides comes next, and at its end [`Accounts::note_project_deleted_in`].
    ///
    /// What comes of it is for [`Accounts::note_project_deletion`] as soon as the transaction is over.
    pub async fn delete_project_in(
        &self,
        tx: &Transaction<'_>,
        identity: &Identity,
        id: ProjectId,
    ) -> Result<bool, Error> {
        let Some(own) = projects::lock_in(tx, id).await? else {
            return Ok(false);
        };
        self.confirm_in_project_in(tx, identity, ProjectAction::DeleteProject, id)
            .await?;
        if own.is_some() {
            return Err(Error::StillNeeded(StillNeeded::OwnProject));
        }
        Ok(projects::delete(tx, id, self.clock.now()).await?)
    }

    /// Writes down in the caller's transaction that it deletes a project: last, because everybody who writes into the audit waits for its end.
    pub async fn note_project_deleted_in(
        &self,
        tx: &Transaction<'_>,
        identity: &Identity,
        id: ProjectId,
    ) -> Result<(), Error> {
        let event = by(identity, Action::DeleteProject).to(&id);
        self.note_in(tx, event, &identity.client, self.clock.now()).await
    }

    /// Writes down also that a deletion was refused, whose transaction came to nothing, and gives its outcome.
    pub async fn note_project_deletion(
        &self,
        identity: &Identity,
        id: ProjectId,
        outcome: Result<bool, Error>,
    ) -> Result<bool, Error> {
        self.noting(
            outcome,
            || by(identity, Action::DeleteProject).to(&id),
            &identity.client,
        )
        .await
    }

    async fn try_delete_project(&self, identity: &Identity, id: ProjectId) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        if !self.delete_project_in(&tx, identity, id).await? {
            return Ok(false);
        }
        self.note_project_deleted_in(&tx, identity, id).await?;
        commit(tx).await?;
        Ok(true)
    }
}

/// A project as its maker sees it.
fn owned((id, name, created_at): (ProjectId, &str, Timestamp)) -> Project {
    Project {
        id,
        name: name.to_owned(),
        role: Some(ProjectRole::Owner),
        created_at,
    }
}

/// Writes a project, and that this user owns it.
pub(super) async fn insert_in(
    tx: &Transaction<'_>,
    id: ProjectId,
    name: &str,
    owner: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    let new = projects::NewProject {
        id,
        name,
        owner_id: owner,
        created_at: now,
    };
    projects::insert(tx, &new).await?;
    Ok(project_members::put(tx, id, owner, ProjectRole::Owner, now).await?)
}

fn checked(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    check_name(name).map(|()| name).map_err(|problem| {
        let message = format!("A project's name {problem}.");
        let problems = vec![FieldProblem::new("name", "invalid_value", message)];
        Error::Invalid { problems }
    })
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            role: row.role,
            created_at: row.created_at,
        }
    }
}
