//! Saving a pipeline once, however often it is asked for.

use std::sync::Arc;

use gathering_domain::PipelineId;
use gathering_domain::pipeline::Pipeline;
use gathering_persistence::pipeline_keys::{self, NewPipelineKey, PipelineKey};
use gathering_persistence::pipelines::{Home, NewVersion};
use gathering_persistence::{GenericClient, Transaction};

use crate::input::{check_key, check_name};
use crate::start::overloaded;
use crate::{Engine, Error, NewPipeline, PipelineSummary, PipelineView};

/// How often a key is tried that was taken, and was forgotten before it could be read.
const TRIES: usize = 3;

/// A pipeline that was saved, now or by an earlier request with the same key.
#[derive(Debug, Clone)]
pub struct CreatedPipeline {
    /// The pipeline as it was saved.
    pub pipeline: PipelineView,
    /// Whether an earlier request with the same key had saved it.
    pub replayed: bool,
}

impl Engine {
    /// Saves a pipeline as its version 1, once for this key in its project; asked again, it answers the same.
    ///
    /// Another pipeline under the same key is [`Error::PipelineKeyReused`]. A working engine forgets keys that are a day old.
    pub async fn create_pipeline_once(&self, new: NewPipeline, key: &str) -> Result<CreatedPipeline, Error> {
        let compiled = self.checked(&new, key).await?;
        let client = self.shared.connection().await?;
        self.insert_once(&client, new, key, compiled).await
    }

    /// The same in the caller's transaction. Who asks with the same key meanwhile waits for its end.
    pub async fn create_pipeline_once_in(
        &self,
        transaction: &Transaction<'_>,
        new: NewPipeline,
        key: &str,
    ) -> Result<CreatedPipeline, Error> {
        let compiled = self.checked(&new, key).await?;
        self.insert_once(transaction, new, key, compiled).await
    }

    async fn checked(&self, new: &NewPipeline, key: &str) -> Result<Pipeline, Error> {
        check_key(key)?;
        check_name(&new.name)?;
        Ok(self.compile(new.definition.clone(), new.schedule_id.is_some()).await?)
    }

    async fn insert_once(
        &self,
        client: &impl GenericClient,
        new: NewPipeline,
        key: &str,
        compiled: Pipeline,
    ) -> Result<CreatedPipeline, Error> {
        let now = self.shared.clock.now();
        let id = PipelineId::new(now, &*self.shared.entropy);
        let fingerprint = fingerprint(&new);
        let version = NewVersion {
            id,
            name: &new.name,
            definition: &new.definition,
            created_by: new.created_by,
            at: now,
        };
        let taking = NewPipelineKey {
            home: Home {
                project_id: new.project_id,
                schedule_id: new.schedule_id,
            },
            key,
            fingerprint: &fingerprint,
        };
        for _ in 0..TRIES {
            if pipeline_keys::insert(client, &taking, &version).await? {
                // Harmless if the caller rolls back: nobody can then start this id.
                self.shared.library.keep(id, 1, Arc::new(compiled));
                let made = PipelineKey {
                    pipeline_id: id,
                    fingerprint,
                    created_at: now,
                };
                return Ok(answer(new, &made, false));
            }
            match pipeline_keys::get(client, new.project_id, key).await? {
                Some(made) if made.fingerprint == fingerprint => return Ok(answer(new, &made, true)),
                Some(PipelineKey { pipeline_id, .. }) => return Err(Error::PipelineKeyReused { pipeline_id }),
                None => {}
            }
        }
        Err(overloaded())
    }
}

/// What was answered when it was saved: everything but the id and the time was asked for in the same words.
fn answer(new: NewPipeline, made: &PipelineKey, replayed: bool) -> CreatedPipeline {
    let summary = PipelineSummary {
        id: made.pipeline_id,
        project_id: new.project_id,
        schedule_id: new.schedule_id,
        name: new.name,
        version: 1,
        created_at: made.created_at,
        updated_at: made.created_at,
    };
    CreatedPipeline {
        pipeline: PipelineView {
            summary,
            definition: new.definition,
        },
        replayed,
    }
}

/// SHA-256 of everything that was asked for but the key.
fn fingerprint(new: &NewPipeline) -> Vec<u8> {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let schedule = new.schedule_id.map(|schedule| schedule.to_string());
    for part in [new.name.as_str(), new.definition.text()]
        .into_iter()
        .chain(schedule.as_deref())
    {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().to_vec()
}
