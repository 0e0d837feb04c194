//! Use cases of pipelines: check, save, read, list, delete.

use gathering_auth::Identity;
use gathering_domain::definition::Problem;
use gathering_domain::name::Name;
use gathering_domain::policy::{ProjectAction, ServerAction};
use gathering_domain::{Json, PipelineId, ProjectId};
use gathering_persistence::{Error as DatabaseError, Page, PageRequest};
use gathering_pipeline::{CreatedPipeline, PipelineSummary, PipelineView};

use crate::access::{Proof, Thing};
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

/// Which pipelines to list.
#[derive(Debug, Clone)]
pub struct PipelineQuery {
    /// Of this project; `None` for the caller's own.
    pub project_id: Option<ProjectId>,
    /// Only those that are called exactly so.
    pub name: Option<Name>,
    /// Which part of them.
    pub page: PageRequest,
}

impl Gathering {
    /// Everything that is wrong with a definition; nothing when it could be saved.
    pub async fn validate_pipeline(&self, identity: &Identity, definition: Json) -> Result<Vec<Problem>, Error> {
        let proof = self.may_on_server(identity, ServerAction::ValidatePipeline).await?;
        Ok(self.engine.with(&proof).validate(definition).await)
    }

    /// Saves a pipeline as version 1.
    pub async fn create_pipeline(&self, identity: &Identity, new: NewPipeline) -> Result<PipelineView, Error> {
        let proof = self
            .may_in(identity, ProjectAction::SavePipeline, new.project_id)
            .await?;
        let created = created(identity, &proof, new);
        let mut client = self.connection().await?;
        let tx = client.transaction().await.map_err(DatabaseError::from)?;
        self.keep_project_in(&tx, &proof, Thing::Project(proof.project()))
            .await?;
        let saved = self.engine.with(&proof).create_pipeline_in(&tx, created).await?;
        tx.commit().await.map_err(DatabaseError::from)?;
        Ok(saved)
    }

    /// Saves a pipeline as version 1, once for this key in its project; asked again within a day, it answers the same.
    pub async fn create_pipeline_once(
        &self,
        identity: &Identity,
        new: NewPipeline,
        key: &str,
    ) -> Result<CreatedPipeline, Error> {
        let proof = self
            .may_in(identity, ProjectAction::SavePipeline, new.project_id)
            .await?;
        let created = created(identity, &proof, new);
        let mut client = self.connection().await?;
        let tx = client.transaction().await.map_err(DatabaseError::from)?;
        self.keep_project_in(&tx, &proof, Thing::Project(proof.project()))
            .await?;
        let engine = self.engine.with(&proof);
        let saved = engine.create_pipeline_once_in(&tx, created, key).await?;
        tx.commit().await.map_err(DatabaseError::from)?;
        Ok(saved)
    }

    /// Saves the next version of a pipeline. Runs that have started keep the version they started with.
    pub async fn update_pipeline(
        &self,
        identity: &Identity,
        id: PipelineId,
        change: PipelineChange,
    ) -> Result<PipelineView, Error> {
        let proof = self
            .may(identity, ProjectAction::SavePipeline, Thing::Pipeline(id))
            .await?;
        let update = gathering_pipeline::UpdatePipeline {
            id,
            name: change.name,
            definition: change.definition,
            expected_version: change.expected_version,
            created_by: Some(identity.user_id),
        };
        Ok(self.engine.with(&proof).update_pipeline(update).await?)
    }

    /// Deletes a pipeline: it cannot be started again. Its runs go on, and stay. `expected` is the version that the caller has seen as the latest; `None`
    /// deletes it whatever that is.
    pub async fn delete_pipeline(
        &self,
        identity: &Identity,
        id: PipelineId,
        expected: Option<i32>,
    ) -> Result<(), Error> {
        let thing = Thing::Pipeline(id);
        let proof = self.may(identity, ProjectAction::DeletePipeline, thing).await?;
        if self.engine.with(&proof).delete_pipeline(id, expected).await? {
            Ok(())
        } else {
            Err(thing.not_found())
        }
    }

    /// A pipeline, in the latest version or in this one.
    pub async fn pipeline(
        &self,
        identity: &Identity,
        id: PipelineId,
        version: Option<i32>,
    ) -> Result<PipelineView, Error> {
        let thing = Thing::Pipeline(id);
        let proof = self.may(identity, ProjectAction::ViewPipelines, thing).await?;
        let found = self.engine.with(&proof).pipeline(id, version).await?;
        found.ok_or_else(|| version.map_or(thing.not_found(), |version| Error::version_not_found(id, version)))
    }

    /// The pipelines of a project, newest first.
    pub async fn pipelines(&self, identity: &Identity, query: PipelineQuery) -> Result<Page<PipelineSummary>, Error> {
        let action = ProjectAction::ViewPipelines;
        let proof = self.may_in(identity, action, query.project_id).await?;
        let engine = self.engine.with(&proof);
        Ok(engine
            .pipelines(proof.project(), query.name.as_ref(), query.page)
            .await?)
    }
}

fn created(identity: &Identity, proof: &Proof<ProjectId>, new: NewPipeline) -> gathering_pipeline::NewPipeline {
    gathering_pipeline::NewPipeline {
        project_id: proof.project(),
        schedule_id: None,
        name: new.name,
        definition: new.definition,
        created_by: Some(identity.user_id),
    }
}
