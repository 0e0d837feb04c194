//! Saving, reading and deleting pipelines.

use std::sync::Arc;

use gathering_domain::definition::Problem;
use gathering_domain::{Json, PipelineId, ProjectId, UserId};
use gathering_persistence::pipelines::{self, NewVersion, PipelineRow};
use gathering_persistence::{GenericClient, Page, PageRequest, Transaction};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Engine, Error};

/// A pipeline to save.
#[derive(Debug, Clone)]
pub struct NewPipeline {
    /// The project it will live in.
    pub project_id: ProjectId,
    /// Its name, 1 to 200 characters.
    pub name: String,
    /// Its definition.
    pub definition: Json,
    /// Who saves it.
    pub created_by: Option<UserId>,
}

impl NewPipeline {
    /// A pipeline of nobody in particular, in the project that stands for having none: the nil UUID.
    pub fn new(name: impl Into<String>, definition: impl Into<Json>) -> Self {
        Self {
            project_id: ProjectId::from(uuid::Uuid::nil()),
            name: name.into(),
            definition: definition.into(),
            created_by: None,
        }
    }
}

/// A new version of a pipeline.
#[derive(Debug, Clone)]
pub struct UpdatePipeline {
    /// The pipeline.
    pub id: PipelineId,
    /// A new name; `None` keeps the old one.
    pub name: Option<String>,
    /// The new definition.
    pub definition: Json,
    /// The latest version as the caller knows it; another one is a [`Error::VersionConflict`].
    pub expected_version: Option<i32>,
    /// Who saves it.
    pub created_by: Option<UserId>,
}

/// A version of a pipeline.
#[derive(Debug, Clone, Serialize)]
pub struct PipelineView {
    /// The pipeline.
    pub id: PipelineId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// Its name.
    pub name: String,
    /// This version, from 1.
    pub version: i32,
    /// The definition as it was saved.
    pub definition: Json,
    /// When the pipeline was created.
    pub created_at: Timestamp,
    /// When its latest version was saved.
    pub updated_at: Timestamp,
}

impl From<PipelineRow> for PipelineView {
    fn from(row: PipelineRow) -> Self {
        let PipelineRow {
            id,
            project_id,
            name,
            version,
            definition,
            created_at,
            updated_at,
        } = row;
        Self {
            id,
            project_id,
            name,
            version,
            definition,
            created_at,
            updated_at,
        }
    }
}

impl Engine {
    /// Everything that is wrong with a definition; empty when it could be saved.
    pub fn validate(&self, definition: &serde_json::Value) -> Vec<Problem> {
        self.shared.compile(definition).err().unwrap_or_default()
    }

    /// Saves a pipeline as its version 1.
    pub async fn create_pipeline(&self, new: NewPipeline) -> Result<PipelineView, Error> {
        let client = self.shared.connection().await?;
        self.create(&client, new).await
    }

    /// Saves a pipeline in the caller's transaction.
    pub async fn create_pipeline_in(
        &self,
        transaction: &Transaction<'_>,
        new: NewPipeline,
    ) -> Result<PipelineView, Error> {
        self.create(transaction, new).await
    }

    async fn create(&self, client: &impl GenericClient, new: NewPipeline) -> Result<PipelineView, Error> {
        let compiled = self
            .shared
            .compile(&new.definition.to_value())
            .map_err(|problems| Error::Invalid { problems })?;
        let now = self.shared.clock.now();
        let id = PipelineId::new(now, &*self.shared.entropy);
        let NewPipeline {
            project_id,
            name,
            definition,
            created_by,
        } = new;
        let version = NewVersion {
            id,
            name: &name,
            definition: &definition,
            created_by,
            at: now,
        };
        pipelines::insert(client, project_id, &version).await?;
        // Harmless if the caller rolls back: nobody can then start this id.
        self.shared.library.keep(id, 1, Arc::new(compiled));
        Ok(PipelineView {
            id,
            project_id,
            name,
            version: 1,
            definition,
            created_at: now,
            updated_at: now,
        })
    }

    /// Saves the next version of a pipeline; runs that began go on with theirs.
    pub async fn update_pipeline(&self, update: UpdatePipeline) -> Result<PipelineView, Error> {
        let UpdatePipeline {
            id,
            name,
            definition,
            expected_version,
            created_by,
        } = update;
        self.shared
            .compile(&definition.to_value())
            .map_err(|problems| Error::Invalid { problems })?;
        let client = self.shared.connection().await?;
        let old = pipelines::get(&client, id, None)
            .await?
            .ok_or(Error::PipelineNotFound(id))?;
        let name = name.unwrap_or(old.name);
        let at = self.shared.clock.now().max(old.updated_at);
        let new = NewVersion {
            id,
            name: &name,
            definition: &definition,
            created_by,
            at,
        };
        if let Some(version) = pipelines::insert_version(&client, &new, expected_version).await? {
            let (project_id, created_at) = (old.project_id, old.created_at);
            return Ok(PipelineView {
                id,
                project_id,
                name,
                version,
                definition,
                created_at,
                updated_at: at,
            });
        }
        let now = pipelines::get(&client, id, None)
            .await?
            .ok_or(Error::PipelineNotFound(id))?;
        Err(Error::VersionConflict {
            id,
            expected: expected_version.unwrap_or(now.version),
            current: now.version,
        })
    }

    /// Deletes a pipeline: it can no longer be started; its runs and versions stay. `false` when there is none.
    pub async fn delete_pipeline(&self, id: PipelineId) -> Result<bool, Error> {
        let client = self.shared.connection().await?;
        Ok(pipelines::delete(&client, id, self.shared.clock.now()).await?)
    }

    /// A pipeline, in the given version or the latest.
    pub async fn pipeline(&self, id: PipelineId, version: Option<i32>) -> Result<Option<PipelineView>, Error> {
        let client = self.shared.connection().await?;
        Ok(pipelines::get(&client, id, version).await?.map(Into::into))
    }

    /// The latest versions of a project's pipelines, newest pipeline first.
    pub async fn pipelines(&self, project: ProjectId, page: PageRequest) -> Result<Page<PipelineView>, Error> {
        let client = self.shared.connection().await?;
        let Page { items, next } = pipelines::list(&client, project, page).await?;
        Ok(Page {
            items: items.into_iter().map(Into::into).collect(),
            next,
        })
    }
}
