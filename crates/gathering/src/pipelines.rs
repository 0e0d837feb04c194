//! Use cases of pipelines: check, save, read, list, delete.

use gathering_auth::Identity;
use gathering_domain::definition::Problem;
use gathering_domain::{Json, PipelineId, ProjectId};
use gathering_persistence::{Page, PageRequest};
use gathering_pipeline::{PipelineSummary, PipelineView};

use crate::{Error, Gathering};

/// A pipeline to create.
#[derive(Debug, Clone)]
pub struct NewPipeline {
    /// Where it will live; `None` for the caller's own project.
    pub project_id: Option<ProjectId>,
    /// 1 to 200 characters.
    pub name: String,
    /// `{nodes, edges, …}`.
    pub definition: Json,
}

/// A new version of a pipeline.
#[derive(Debug, Clone)]
pub struct PipelineChange {
    /// A new name, or `None` to keep the old one.
    pub name: Option<String>,
    /// `{nodes, edges, …}`.
    pub definition: Json,
    /// The version that the caller has seen as the latest; `None` to save whatever it is.
    pub expected_version: Option<i32>,
}

impl Gathering {
    /// Everything that is wrong with a definition; nothing when it could be saved.
    pub async fn validate_pipeline(&self, _identity: &Identity, definition: Json) -> Vec<Problem> {
        self.engine.validate(definition).await
    }

    /// Saves a pipeline as version 1.
    pub async fn create_pipeline(&self, identity: &Identity, new: NewPipeline) -> Result<PipelineView, Error> {
        let project_id = new.project_id.unwrap_or(identity.default_project_id);
        self.check_project(identity, project_id).await?;
        let created = gathering_pipeline::NewPipeline {
            project_id,
            name: new.name,
            definition: new.definition,
            created_by: Some(identity.user_id),
        };
        Ok(self.engine.create_pipeline(created).await?)
    }

    /// Saves the next version of a pipeline. Runs that have started keep the version they started with.
    pub async fn update_pipeline(
        &self,
        identity: &Identity,
        id: PipelineId,
        change: PipelineChange,
    ) -> Result<PipelineView, Error> {
        self.check_pipeline(identity, id).await?;
        let update = gathering_pipeline::UpdatePipeline {
            id,
            name: change.name,
            definition: change.definition,
            expected_version: change.expected_version,
            created_by: Some(identity.user_id),
        };
        Ok(self.engine.update_pipeline(update).await?)
    }

    /// Deletes a pipeline: it cannot be started again. Its runs go on, and stay.
    pub async fn delete_pipeline(&self, identity: &Identity, id: PipelineId) -> Result<(), Error> {
        self.check_pipeline(identity, id).await?;
        if self.engine.delete_pipeline(id).await? {
            Ok(())
        } else {
            Err(Error::pipeline_not_found(id))
        }
    }

    /// A pipeline, in the latest version or in this one.
    pub async fn pipeline(
        &self,
        identity: &Identity,
        id: PipelineId,
        version: Option<i32>,
    ) -> Result<PipelineView, Error> {
        let found = self.engine.pipeline(id, version).await?;
        let project = found.as_ref().map(|pipeline| pipeline.summary.project_id);
        self.check(identity, project, Error::pipeline_not_found(id)).await?;
        found.ok_or_else(|| Error::pipeline_not_found(id))
    }

    /// The pipelines of a project (by default the caller's own), newest first.
    pub async fn pipelines(
        &self,
        identity: &Identity,
        project: Option<ProjectId>,
        page: PageRequest,
    ) -> Result<Page<PipelineSummary>, Error> {
        let project = project.unwrap_or(identity.default_project_id);
        self.check_project(identity, project).await?;
        Ok(self.engine.pipelines(project, page).await?)
    }
}
