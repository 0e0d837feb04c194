//! Who may do what: the one place that asks the table, and gives the proof without which nothing is reached.
//!
//! Nobody sees, or learns of, what lives in a project that is not theirs: it is answered as what does not exist, after the same work.

use gathering_auth::{Accounts, Identity};
use gathering_domain::policy::{
    AccountAction, Missing, ProjectAction, ProjectRole, Role, ServerAction, Standing, Verdict,
};
use gathering_domain::{BreakerId, PipelineId, ProjectId, RunId, ScheduleId};
use gathering_persistence::pipelines::{self, Home};
use gathering_persistence::{Connection, breakers, runs, schedules};
use uuid::Uuid;

use crate::error::Kind;
use crate::{Error, Gathering};

/// That somebody may do what is about to be done, on what `On` says: a project, or nothing in particular. Only this module makes one.
#[derive(Debug)]
pub(crate) struct Proof<On = ()> {
    on: On,
}

impl Proof<ProjectId> {
    /// The project in which it may be done.
    pub(crate) fn project(&self) -> ProjectId {
        self.on
    }
}

/// What is reached with a proof only.
#[derive(Clone)]
pub(crate) struct Guarded<T>(T);

impl<T> Guarded<T> {
    pub(crate) fn new(inside: T) -> Self {
        Self(inside)
    }

    /// What is inside, for whoever may.
    pub(crate) fn with<On>(&self, _: &Proof<On>) -> &T {
        &self.0
    }

    /// What is inside, for starting and stopping it, and for what is asked before anybody is known.
    pub(crate) fn for_everybody(&self) -> &T {
        &self.0
    }
}

/// Something that lives in a project, and is known by its own id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Thing {
    /// The project itself.
    Project(ProjectId),
    /// A pipeline.
    Pipeline(PipelineId),
    /// A run.
    Run(RunId),
    /// A circuit breaker.
    Breaker(BreakerId),
    /// A schedule.
    Schedule(ScheduleId),
}

impl Thing {
    fn kind(self) -> Kind {
        match self {
            Self::Project(_) => Kind::Project,
            Self::Pipeline(_) => Kind::Pipeline,
            Self::Run(_) => Kind::Run,
            Self::Breaker(_) => Kind::Breaker,
            Self::Schedule(_) => Kind::Schedule,
        }
    }

    fn id(self) -> Uuid {
        match self {
            Self::Project(id) => id.as_uuid(),
            Self::Pipeline(id) => id.as_uuid(),
            Self::Run(id) => id.as_uuid(),
            Self::Breaker(id) => id.as_uuid(),
            Self::Schedule(id) => id.as_uuid(),
        }
    }

    pub(crate) fn not_found(self) -> Error {
        Error::NotFound {
            kind: self.kind(),
            id: self.id().to_string(),
        }
    }
}

/// Whether somebody changes what their own role in the project would not let them.
fn changes_as_administrator(action: ProjectAction, standing: Standing) -> bool {
    let needed = action.role();
    needed > ProjectRole::Viewer && !matches!(standing, Standing::Member(role) if role >= needed)
}

/// What a schedule does is changed, started and deleted as the schedule's own: whoever may see its pipeline may only see it.
fn keep_to_schedule(action: ProjectAction, thing: Thing, home: Option<Home>) -> Result<(), Error> {
    let schedule = home.and_then(|home| home.schedule_id);
    match (thing, schedule) {
        (Thing::Pipeline(id), Some(schedule_id)) if action.role() > ProjectRole::Viewer => {
            Err(Error::PipelineOfSchedule { id, schedule_id })
        }
        _ => Ok(()),
    }
}

impl Gathering {
    /// Lets the caller do this in a project: the caller's own one where none is named.
    pub(crate) async fn may_in(
        &self,
        identity: &Identity,
        action: ProjectAction,
        project: Option<ProjectId>,
    ) -> Result<Proof<ProjectId>, Error> {
        // A key for one project means that one.
        let usual = || identity.confined_to().unwrap_or(identity.default_project_id);
        let project = project.unwrap_or_else(usual);
        self.may(identity, action, Thing::Project(project)).await
    }

    /// Lets the caller do this to something in a project.
    pub(crate) async fn may(
        &self,
        identity: &Identity,
        action: ProjectAction,
        thing: Thing,
    ) -> Result<Proof<ProjectId>, Error> {
        let home = self.home_of(thing).await?;
        let project = home.map(|home| home.project_id);
        // Asked also for what does not exist: the time that it takes must not tell.
        let standing = self
            .accounts()
            .standing(identity, project.unwrap_or(Uuid::nil().into()))
            .await?;
        let verdict = match project {
            Some(_) => identity.actor().in_project(action, standing),
            None => Verdict::Hidden,
        };
        match (verdict, project) {
            (Verdict::Allowed, Some(project)) if self.is_there(identity, standing, thing).await? => {
                keep_to_schedule(action, thing, home)?;
                if changes_as_administrator(action, standing) {
                    let subject = thing.id().to_string();
                    self.accounts()
                        .note_administered(identity, action.as_str(), &subject)
                        .await?;
                }
                Ok(Proof { on: project })
            }
            (Verdict::Denied(missing), _) => {
                self.denied(identity, action.as_str(), &thing.id().to_string(), missing)
                    .await
            }
            (Verdict::Allowed | Verdict::Hidden, _) => {
                let subject = thing.id().to_string();
                let why = "there is no such thing, or it must not be seen";
                self.accounts()
                    .note_denied(identity, action.as_str(), &subject, why)
                    .await?;
                Err(thing.not_found())
            }
        }
    }

    /// Lets whoever has the command line do this, who could do everything anyway. Who changes something notes that in the audit with the change, so that
    /// it holds nothing that was refused.
    pub(crate) async fn operator_may(&self, _: ProjectAction, thing: Thing) -> Result<Proof<ProjectId>, Error> {
        let home = self.home_of(thing).await?.ok_or_else(|| thing.not_found())?;
        Ok(Proof { on: home.project_id })
    }

    /// Lets the caller do this to the server.
    pub(crate) async fn may_on_server(&self, identity: &Identity, action: ServerAction) -> Result<Proof, Error> {
        match identity.actor().on_server(action) {
            Verdict::Denied(missing) => self.denied(identity, action.as_str(), "", missing).await,
            Verdict::Allowed | Verdict::Hidden => Ok(Proof { on: () }),
        }
    }

    /// Lets the caller do this to their own account.
    pub(crate) async fn may_on_account(&self, identity: &Identity, action: AccountAction) -> Result<Proof, Error> {
        match identity.actor().on_account(action) {
            Verdict::Denied(missing) => self.denied(identity, action.as_str(), "", missing).await,
            Verdict::Allowed | Verdict::Hidden => Ok(Proof { on: () }),
        }
    }

    /// Notes that it was denied, and says so.
    async fn denied<T>(
        &self,
        identity: &Identity,
        action: &'static str,
        subject: &str,
        missing: Missing,
    ) -> Result<T, Error> {
        let error = Error::Forbidden { action, missing };
        self.accounts()
            .note_denied(identity, action, subject, &error.to_string())
            .await?;
        Err(error)
    }

    /// Where a thing lives, if it exists. Of a project that is itself.
    async fn home_of(&self, thing: Thing) -> Result<Option<Home>, Error> {
        let project = match thing {
            Thing::Pipeline(id) => return Ok(pipelines::home(&self.connection().await?, id).await?),
            Thing::Project(id) => Some(id),
            Thing::Run(id) => runs::project(&self.connection().await?, id).await?,
            Thing::Breaker(id) => breakers::project(&self.connection().await?, id).await?,
            Thing::Schedule(id) => schedules::project(&self.connection().await?, id).await?,
        };
        Ok(project.map(|project_id| Home {
            project_id,
            schedule_id: None,
        }))
    }

    /// An administrator may do everything in every project, of which membership has not shown that it is there.
    async fn is_there(&self, identity: &Identity, standing: Standing, thing: Thing) -> Result<bool, Error> {
        match (standing, thing) {
            (Standing::Stranger, Thing::Project(id)) if identity.role == Role::Admin => {
                Ok(self.accounts().project_exists(id).await?)
            }
            _ => Ok(true),
        }
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        self.accounts.for_everybody()
    }

    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        Ok(self.pool.get().await.map_err(gathering_persistence::Error::from)?)
    }
}
