//! The compiled pipelines that are in use, kept so that starting a run parses nothing.

use std::collections::HashSet;
use std::sync::Arc;

use gathering_domain::definition::{OwnKinds, Problem, Rules, compile};
use gathering_domain::pipeline::{HandlerName, NodeKind, Pipeline};
use gathering_domain::{Json, PipelineId};
use gathering_persistence::{Pool, pipelines};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::Error;
use crate::blocking::spawn_blocking;

type Key = (PipelineId, i32);

/// A compiled version.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) pipeline: Arc<Pipeline>,
    /// An action or node type of it that no handler is registered for on this instance: then its runs are for others.
    pub(crate) missing: Option<HandlerName>,
}

/// Compiled versions, the least used dropped beyond a bound in weight.
#[derive(Debug)]
pub(crate) struct Library {
    cache: Cache<Key, Version, ByWeight>,
    /// What handlers are registered under.
    handlers: HashSet<HandlerName>,
}

#[derive(Debug, Clone)]
struct ByWeight;

impl Weighter<Key, Version> for ByWeight {
    fn weight(&self, _: &Key, version: &Version) -> u64 {
        version.pipeline.weight + 1
    }
}

impl Library {
    pub(crate) fn new(max_weight: u64, handlers: impl IntoIterator<Item = HandlerName>) -> Self {
        // A guess at how many pipelines that is; only the weight is a bound.
        let pipelines = usize::try_from(max_weight / 40).unwrap_or(usize::MAX).clamp(16, 10_000);
        // In one part: the cache would divide the weight among more parts the more cores there are, and a pipeline that is larger than a
        // part of it is never kept, but compiled again for each of its runs.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(pipelines)
            .weight_capacity(max_weight)
            .shards(1)
            .build();
        let cache = match options {
            Ok(options) => Cache::with_options(
                options,
                ByWeight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            // Only for options that do not say how much fits.
            Err(_) => Cache::with_weighter(pipelines, max_weight, ByWeight),
        };
        Self {
            cache,
            handlers: handlers.into_iter().collect(),
        }
    }

    pub(crate) fn keep(&self, id: PipelineId, version: i32, pipeline: Arc<Pipeline>) {
        self.cache.insert((id, version), self.look_over(pipeline));
    }

    fn look_over(&self, pipeline: Arc<Pipeline>) -> Version {
        let missing = pipeline.nodes.iter().find_map(|node| self.missing(&node.kind));
        Version { pipeline, missing }
    }

    fn missing(&self, kind: &NodeKind) -> Option<HandlerName> {
        if let NodeKind::Action { handler, .. } = kind {
            Some(handler.clone()).filter(|handler| !self.handlers.contains(handler))
        } else {
            None
        }
    }

    /// A version, compiled; it never changes, so a cached one is never stale.
    ///
    /// However many runs of it were claimed together, one of them reads and compiles it, and the others wait for that.
    pub(crate) async fn get(&self, pool: &Pool, id: PipelineId, version: i32) -> Result<Version, Error> {
        let key = (id, version);
        // Looked up first, because what the other call prepares is larger than most futures that ask.
        if let Some(kept) = self.cache.get(&key) {
            return Ok(kept);
        }
        let reading = Box::pin(self.read(pool, id, version));
        self.cache.get_or_insert_async(&key, reading).await
    }

    async fn read(&self, pool: &Pool, id: PipelineId, version: i32) -> Result<Version, Error> {
        let client = gathering_persistence::acquire(pool).await?;
        let source = pipelines::definition(&client, id, version)
            .await?
            .ok_or(Error::VersionNotFound { id, version })?;
        drop(client);
        // Off the async threads: a large definition takes longer than others should wait.
        let compiling = spawn_blocking(move || compile_saved(&source));
        let compiled = compiling
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let pipeline = compiled.map_err(|problems| Error::Unreadable {
            id,
            version,
            reason: problems
                .into_iter()
                .map(|problem| problem.message)
                .collect::<Vec<_>>()
                .join("; "),
        })?;
        Ok(self.look_over(Arc::new(pipeline)))
    }
}

/// It was checked when it was saved: limits and handlers may have changed since, its runs go on all the same.
fn compile_saved(definition: &Json) -> Result<Pipeline, Vec<Problem>> {
    let rules = Rules {
        max_nodes: usize::MAX,
        check_action: None,
        has_target: None,
        kinds: OwnKinds::Any,
        firing: true,
    };
    compile(&definition.to_value(), &rules)
}

#[cfg(test)]
mod tests {
    use gathering_testkit::definitions::pure_layers;
    use uuid::Uuid;

    use super::*;
    use crate::Limits;

    #[test]
    fn a_pipeline_as_large_as_may_be_is_kept() {
        let limits = Limits::default();
        let rules = Rules {
            max_nodes: limits.max_nodes,
            check_action: None,
            has_target: None,
            kinds: OwnKinds::Any,
            firing: false,
        };
        let pipeline = Arc::new(compile(&pure_layers(limits.max_nodes), &rules).unwrap());
        let library = Library::new(limits.max_cached_weight, []);
        let id = PipelineId::from(Uuid::nil());
        library.keep(id, 1, pipeline);
        assert!(library.cache.get(&(id, 1)).is_some());
    }
}
