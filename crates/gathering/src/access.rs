//! Whose is it: nobody sees, or learns of, what lives in a project that is not theirs.

use gathering_auth::Identity;
use gathering_domain::{PipelineId, ProjectId, RunId};
use gathering_persistence::{Connection, pipelines, projects, runs};

use crate::error::Kind;
use crate::{Error, Gathering};

impl Gathering {
    /// Refuses whoever does not own the project.
    pub(crate) async fn check_project(&self, identity: &Identity, id: ProjectId) -> Result<(), Error> {
        if self.owns(identity, id).await? {
            Ok(())
        } else {
            Err(Error::NotFound {
                kind: Kind::Project,
                id: id.to_string(),
            })
        }
    }

    /// Refuses whoever does not own the project of the pipeline.
    pub(crate) async fn check_pipeline(&self, identity: &Identity, id: PipelineId) -> Result<(), Error> {
        let project = pipelines::project(&self.connection().await?, id).await?;
        self.check(identity, project, Error::pipeline_not_found(id)).await
    }

    /// Refuses whoever does not own the project of the run.
    pub(crate) async fn check_run(&self, identity: &Identity, id: RunId) -> Result<(), Error> {
        let project = runs::project(&self.connection().await?, id).await?;
        self.check(identity, project, Error::run_not_found(id)).await
    }

    /// The same for what has been read already: `project` is where it lives, if it exists.
    pub(crate) async fn check(
        &self,
        identity: &Identity,
        project: Option<ProjectId>,
        otherwise: Error,
    ) -> Result<(), Error> {
        match project {
            Some(project) if self.owns(identity, project).await? => Ok(()),
            _ => Err(otherwise),
        }
    }

    async fn owns(&self, identity: &Identity, project: ProjectId) -> Result<bool, Error> {
        // The token says so: no query for what nearly every request asks.
        if project == identity.default_project_id {
            return Ok(true);
        }
        let owner = projects::owner(&self.connection().await?, project).await?;
        Ok(owner == Some(identity.user_id))
    }

    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        Ok(self.pool.get().await.map_err(gathering_persistence::Error::from)?)
    }
}
