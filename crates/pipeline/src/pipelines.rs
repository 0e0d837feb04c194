//! Saving, reading and deleting pipelines.

use std::sync::Arc;

use gathering_domain::definition::Problem;
use gathering_domain::name::Name;
use gathering_domain::pipeline::Pipeline;
use gathering_domain::{Json, PipelineId, ProjectId, ScheduleId, UserId};
use gathering_persistence::pipelines::{self, Home, NewVersion, PipelineHead, PipelineRow};
use gathering_persistence::{GenericClient, Page, PageRequest, Transaction};
use jiff::Timestamp;
use serde::Serialize;

use crate::blocking::spawn_blocking;
use crate::input::check_name;
use crate::{Engine, Error};

/// A pipeline to save.
#[derive(Debug, Clone)]
pub struct NewPipeline {
    /// The project it will live in.
    pub project_id: ProjectId,
    /// The schedule that it is the action of: such a pipeline is not listed, and its expressions have the root `firing`, which is the key
    /// `firing` of a run's input. `None`: of none.
    pub schedule_id: Option<ScheduleId>,
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
            schedule_id: None,
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

/// A pipeline without its definition.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PipelineSummary {
    /// The pipeline.
    pub id: PipelineId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// The schedule that it is the action of; left out for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub schedule_id: Option<ScheduleId>,
    /// Its name.
    pub name: String,
    /// Its latest version, or the one that was asked for; from 1.
    pub version: i32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its latest version was saved.
    pub updated_at: Timestamp,
}

/// A version of a pipeline.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PipelineView {
    /// The pipeline.
    #[serde(flatten)]
    pub summary: PipelineSummary,
    /// The definition as it was saved.
    pub definition: Json,
}

impl From<PipelineHead> for PipelineSummary {
    fn from(head: PipelineHead) -> Self {
        let PipelineHead {
            id,
            project_id,
            schedule_id,
            name,
            version,
            created_at,
            updated_at,
        } = head;
        Self {
            id,
            project_id,
            schedule_id,
            name,
            version,
            created_at,
            updated_at,
        }
    }
}

impl From<PipelineRow> for PipelineView {
    fn from(row: PipelineRow) -> Self {
        Self {
            summary: row.head.into(),
            definition: row.definition,
        }
    }
}

impl Engine {
    /// Everything that is wrong with a definition; empty when it could be saved.
    pub async fn validate(&self, definition: Json) -> Vec<Problem> {
        self.compile(definition, false).await.err().unwrap_or_default()
    }

    /// The same for the definition of a pipeline that is to be the action of a schedule.
    pub async fn validate_of_schedule(&self, definition: Json) -> Vec<Problem> {
        self.compile(definition, true).await.err().unwrap_or_default()
    }

    /// Saves a pipeline as its version 1.
    pub async fn create_pipeline(&self, new: NewPipeline) -> Result<PipelineView, Error> {
        check_name(&new.name)?;
        let compiled = self.compile(new.definition.clone(), new.schedule_id.is_some()).await?;
        let client = self.shared.connection().await?;
        self.insert(&client, new, compiled).await
    }

    /// Saves a pipeline in the caller's transaction.
    pub async fn create_pipeline_in(
        &self,
        transaction: &Transaction<'_>,
        new: NewPipeline,
    ) -> Result<PipelineView, Error> {
        check_name(&new.name)?;
        let compiled = self.compile(new.definition.clone(), new.schedule_id.is_some()).await?;
        self.insert(transaction, new, compiled).await
    }

    /// Saves the next version of a pipeline; runs that began go on with theirs.
    pub async fn update_pipeline(&self, update: UpdatePipeline) -> Result<PipelineView, Error> {
        update.name.as_deref().map_or(Ok(()), check_name)?;
        // Given back while it is compiled.
        let home = pipelines::home(&self.shared.connection().await?, update.id).await?;
        self.check_version(&update, home).await?;
        let client = self.shared.connection().await?;
        self.save_version(&client, update).await
    }

    /// Saves the next version in the caller's transaction, which keeps the pipeline's row locked until it ends.
    pub async fn update_pipeline_in(
        &self,
        transaction: &Transaction<'_>,
        update: UpdatePipeline,
    ) -> Result<PipelineView, Error> {
        update.name.as_deref().map_or(Ok(()), check_name)?;
        let home = pipelines::home(transaction, update.id).await?;
        self.check_version(&update, home).await?;
        self.save_version(transaction, update).await
    }

    async fn check_version(&self, update: &UpdatePipeline, home: Option<Home>) -> Result<(), Error> {
        let home = home.ok_or(Error::PipelineNotFound(update.id))?;
        self.compile(update.definition.clone(), home.schedule_id.is_some())
            .await?;
        Ok(())
    }

    /// The definition was compiled.
    async fn save_version(&self, client: &impl GenericClient, update: UpdatePipeline) -> Result<PipelineView, Error> {
        let UpdatePipeline {
            id,
            name,
            definition,
            expected_version,
            created_by,
        } = update;
        let old = pipelines::get(client, id, None)
            .await?
            .ok_or(Error::PipelineNotFound(id))?
            .head;
        let name = name.unwrap_or(old.name);
        // The clock of another instance may be behind.
        let at = self.shared.clock.now().max(old.updated_at);
        let new = NewVersion {
            id,
            name: &name,
            definition: &definition,
            created_by,
            at,
        };
        let saved = pipelines::insert_version(client, &new, expected_version).await?;
        let now = pipelines::get(client, id, saved)
            .await?
            .ok_or(Error::PipelineNotFound(id))?;
        match (saved, expected_version) {
            (None, Some(expected)) => Err(Error::VersionConflict {
                id,
                expected,
                current: now.head.version,
            }),
            (None, None) => Err(Error::PipelineNotFound(id)),
            (Some(_), _) => Ok(now.into()),
        }
    }

    /// Deletes a pipeline: it can no longer be started; its runs and versions stay. `false` when there is none.
    ///
    /// With `expected_version` only while that is the latest one; another one is a [`Error::VersionConflict`].
    pub async fn delete_pipeline(&self, id: PipelineId, expected_version: Option<i32>) -> Result<bool, Error> {
        let client = self.shared.connection().await?;
        self.delete_version(&client, id, expected_version).await
    }

    /// Deletes a pipeline in the caller's transaction.
    pub async fn delete_pipeline_in(
        &self,
        transaction: &Transaction<'_>,
        id: PipelineId,
        expected_version: Option<i32>,
    ) -> Result<bool, Error> {
        self.delete_version(transaction, id, expected_version).await
    }

    /// Deletes these pipelines in the caller's transaction, as far as there are such.
    pub async fn delete_pipelines_in(&self, transaction: &Transaction<'_>, ids: &[PipelineId]) -> Result<(), Error> {
        Ok(pipelines::delete_all(transaction, ids, self.shared.clock.now()).await?)
    }

    async fn delete_version(
        &self,
        client: &impl GenericClient,
        id: PipelineId,
        expected: Option<i32>,
    ) -> Result<bool, Error> {
        if pipelines::delete(client, id, expected, self.shared.clock.now()).await? {
            return Ok(true);
        }
        let Some(expected) = expected else {
            return Ok(false);
        };
        // It is gone, or at another version: those only ever rise.
        let found = pipelines::get(client, id, None).await?;
        found.map_or(Ok(false), |found| {
            Err(Error::VersionConflict {
                id,
                expected,
                current: found.head.version,
            })
        })
    }

    /// A pipeline, in the given version or the latest.
    pub async fn pipeline(&self, id: PipelineId, version: Option<i32>) -> Result<Option<PipelineView>, Error> {
        let client = self.shared.connection().await?;
        Ok(pipelines::get(&client, id, version).await?.map(Into::into))
    }

    /// The pipelines of a project, newest first, without those that were saved for a schedule; of those that are called so, if that is said.
    pub async fn pipelines(
        &self,
        project: ProjectId,
        name: Option<&Name>,
        page: PageRequest,
    ) -> Result<Page<PipelineSummary>, Error> {
        let client = self.shared.connection().await?;
        let Page { items, next } = pipelines::list(&client, project, name.map(Name::as_str), page).await?;
        Ok(Page {
            items: items.into_iter().map(Into::into).collect(),
            next,
        })
    }

    async fn insert(
        &self,
        client: &impl GenericClient,
        new: NewPipeline,
        compiled: Pipeline,
    ) -> Result<PipelineView, Error> {
        let now = self.shared.clock.now();
        let id = PipelineId::new(now, &*self.shared.entropy);
        let NewPipeline {
            project_id,
            schedule_id,
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
        let home = Home {
            project_id,
            schedule_id,
        };
        pipelines::insert(client, home, &version).await?;
        // Harmless if the caller rolls back: nobody can then start this id.
        self.shared.library.keep(id, 1, Arc::new(compiled));
        let summary = PipelineSummary {
            id,
            project_id,
            schedule_id,
            name,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        Ok(PipelineView { summary, definition })
    }

    /// Compiles off the async threads: a large definition takes longer than others should wait.
    pub(crate) async fn compile(&self, definition: Json, of_schedule: bool) -> Result<Pipeline, Vec<Problem>> {
        let shared = self.shared.clone();
        let compiling = spawn_blocking(move || shared.compile(&definition.to_value(), of_schedule));
        compiling
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}
