//! Use cases of projects, and of who is what in them.

use gathering_auth::{CreatedProject, Identity, Member, Project, PutMember};
use gathering_domain::policy::{AccountAction, ProjectAction, ProjectRole, ServerAction};
use gathering_domain::{ProjectId, RunId, UserId};
use gathering_persistence::runs::{self, RunFilter};
use gathering_persistence::{Error as DatabaseError, Page, PageRequest, Transaction, pipelines, projects};

use crate::access::{Proof, Thing};
use crate::error::Kind;
use crate::{Error, Gathering};

impl Gathering {
    /// Makes a project that the caller owns.
    pub async fn create_project(&self, identity: &Identity, name: &str) -> Result<Project, Error> {
        let proof = self.may_on_server(identity, ServerAction::CreateProject).await?;
        Ok(self.accounts.with(&proof).create_project(identity, name).await?)
    }

    /// Makes a project that the caller owns, once for this key of theirs; asked again within a day, it answers the same.
    pub async fn create_project_once(
        &self,
        identity: &Identity,
        name: &str,
        key: &str,
    ) -> Result<CreatedProject, Error> {
        let proof = self.may_on_server(identity, ServerAction::CreateProject).await?;
        Ok(self
            .accounts
            .with(&proof)
            .create_project_once(identity, name, key)
            .await?)
    }

    /// The projects of which the caller is a member, newest first; with `all` those of everybody, for administrators.
    pub async fn projects(&self, identity: &Identity, all: bool, page: PageRequest) -> Result<Page<Project>, Error> {
        let proof = if all {
            self.may_on_server(identity, ServerAction::ViewAllProjects).await?
        } else {
            self.may_on_account(identity, AccountAction::ViewOwnProjects).await?
        };
        let accounts = self.accounts.with(&proof);
        let Some(only) = identity.confined_to() else {
            return Ok(accounts.projects(identity, all, page).await?);
        };
        let found = accounts.project(identity, only).await?;
        Ok(Page {
            items: found.filter(|project| project.role.is_some()).into_iter().collect(),
            next: None,
        })
    }

    /// A project.
    pub async fn project(&self, identity: &Identity, id: ProjectId) -> Result<Project, Error> {
        let proof = self.may_in(identity, ProjectAction::ViewProject, Some(id)).await?;
        let found = self.accounts.with(&proof).project(identity, id).await?;
        found.ok_or_else(|| Thing::Project(id).not_found())
    }

    /// Calls a project otherwise.
    pub async fn rename_project(&self, identity: &Identity, id: ProjectId, name: &str) -> Result<Project, Error> {
        let proof = self.may_in(identity, ProjectAction::RenameProject, Some(id)).await?;
        let accounts = self.accounts.with(&proof);
        accounts.rename_project(identity, id, name).await?;
        let found = accounts.project(identity, id).await?;
        found.ok_or_else(|| Thing::Project(id).not_found())
    }

    /// Deletes a project that has no pipelines, no open runs, and no schedules but ended ones: what is under way must not go on unseen. The ended schedules
    /// are deleted with it.
    pub async fn delete_project(&self, identity: &Identity, id: ProjectId) -> Result<(), Error> {
        let proof = self.may_in(identity, ProjectAction::DeleteProject, Some(id)).await?;
        let accounts = self.accounts.with(&proof);
        let outcome = {
            let mut client = self.connection().await?;
            let tx = client.transaction().await.map_err(DatabaseError::from)?;
            let outcome = accounts.delete_project_in(&tx, identity, id).await;
            if matches!(outcome, Ok(true)) {
                // Whoever puts something into a project keeps its row until that is there: what is not seen now does not come any more.
                if let Some(left) = self.what_is_left_in(&tx, &proof).await? {
                    return Err(Error::ProjectNotEmpty { left });
                }
                self.delete_ended_schedules_in(&tx, &proof).await?;
                accounts.note_project_deleted_in(&tx, identity, id).await?;
                tx.commit().await.map_err(DatabaseError::from)?;
            }
            outcome
        };
        if accounts.note_project_deletion(identity, id, outcome).await? {
            return Ok(());
        }
        Err(Thing::Project(id).not_found())
    }

    /// Keeps the project from being deleted until the transaction ends, which puts something into it; where it was deleted, there is no such `thing`.
    ///
    /// Comes before everything else that the transaction locks, as in a deletion: of the two nobody waits in a circle.
    pub(crate) async fn keep_project_in(
        &self,
        tx: &Transaction<'_>,
        proof: &Proof<ProjectId>,
        thing: Thing,
    ) -> Result<(), Error> {
        if projects::keep_in(tx, proof.project()).await? {
            return Ok(());
        }
        Err(thing.not_found())
    }

    /// The members of a project.
    pub async fn members(&self, identity: &Identity, id: ProjectId, page: PageRequest) -> Result<Page<Member>, Error> {
        let proof = self.may_in(identity, ProjectAction::ViewMembers, Some(id)).await?;
        Ok(self.accounts.with(&proof).members(id, page).await?)
    }

    /// A member of a project.
    pub async fn member(&self, identity: &Identity, id: ProjectId, user: UserId) -> Result<Member, Error> {
        let proof = self.may_in(identity, ProjectAction::ViewMembers, Some(id)).await?;
        let found = self.accounts.with(&proof).member(id, user).await?;
        found.ok_or_else(|| Error::not_found(Kind::Member, user))
    }

    /// Makes a user a member who is none yet.
    pub async fn add_member(
        &self,
        identity: &Identity,
        id: ProjectId,
        user: UserId,
        role: ProjectRole,
    ) -> Result<Member, Error> {
        let proof = self.may_in(identity, ProjectAction::ManageMembers, Some(id)).await?;
        let member = self.accounts.with(&proof).add_member(identity, id, user, role).await?;
        member.ok_or_else(|| Thing::Project(id).not_found())
    }

    /// Makes a user a member, or the member something else.
    pub async fn put_member(
        &self,
        identity: &Identity,
        id: ProjectId,
        user: UserId,
        role: ProjectRole,
    ) -> Result<PutMember, Error> {
        let proof = self.may_in(identity, ProjectAction::ManageMembers, Some(id)).await?;
        let put = match self.accounts.with(&proof).put_member(identity, id, user, role).await {
            Err(gathering_auth::Error::UnknownUser(user)) => return Err(Error::not_found(Kind::User, user)),
            put => put?,
        };
        put.ok_or_else(|| Thing::Project(id).not_found())
    }

    /// Takes a member out; everybody may take themselves out.
    pub async fn remove_member(&self, identity: &Identity, id: ProjectId, user: UserId) -> Result<(), Error> {
        let removed = if user == identity.user_id {
            self.may_in(identity, ProjectAction::ViewProject, Some(id)).await?;
            let proof = self.may_on_account(identity, AccountAction::LeaveProject).await?;
            self.accounts.with(&proof).remove_member(identity, id, user).await?
        } else {
            let proof = self.may_in(identity, ProjectAction::ManageMembers, Some(id)).await?;
            self.accounts.with(&proof).remove_member(identity, id, user).await?
        };
        if removed {
            return Ok(());
        }
        Err(Error::not_found(Kind::Member, user))
    }

    /// What keeps a project from being deleted, in words.
    async fn what_is_left_in(
        &self,
        tx: &Transaction<'_>,
        proof: &Proof<ProjectId>,
    ) -> Result<Option<&'static str>, Error> {
        let project = proof.project();
        let one = PageRequest { limit: 1, after: None };
        if !pipelines::list(tx, project, None, one).await?.items.is_empty() {
            return Ok(Some("pipelines"));
        }
        let scheduler = self.scheduler.with(proof);
        if scheduler.has_schedules_at_work_in(tx, project).await? {
            return Ok(Some("schedules that have not ended"));
        }
        let newest = RunId::from(uuid::Uuid::max());
        let open = runs::open(tx, project, &RunFilter::default(), newest, 1).await?;
        Ok((!open.is_empty()).then_some("runs under way"))
    }
}
