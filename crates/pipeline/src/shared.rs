//! What an engine is made of, whether it works or not.

use std::collections::HashMap;
use std::sync::Arc;

use gathering_domain::definition::{ActionCheck, Problem, Rules, compile};
use gathering_domain::pipeline::Pipeline;
use gathering_domain::{Clock, Entropy};
use gathering_persistence::{Connection, Error, Pool};
use serde_json::{Map, Value};

use crate::handler::Handler;
use crate::library::Library;
use crate::limits::Limits;
use crate::wait::Waiters;

/// The parts that every clone of an engine shares.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) limits: Limits,
    pub(crate) handlers: HashMap<String, Arc<dyn Handler>>,
    pub(crate) library: Library,
    pub(crate) waiters: Waiters,
    /// The instance's name for people.
    pub(crate) name: String,
}

impl Shared {
    /// A connection of the pool, for a moment.
    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        Ok(self.pool.get().await?)
    }

    /// Checks a definition against this engine's limits and handlers.
    pub(crate) fn compile(&self, definition: &Value) -> Result<Pipeline, Vec<Problem>> {
        let check = |name: &str, config: &Map<String, Value>| self.check_action(name, config);
        compile(
            definition,
            &Rules {
                max_nodes: self.limits.max_nodes,
                check_action: Some(&check),
            },
        )
    }

    fn check_action(&self, name: &str, config: &Map<String, Value>) -> ActionCheck {
        if let Some(handler) = self.handlers.get(name) {
            return ActionCheck::Checked(handler.check(config));
        }
        let mut known: Vec<_> = self.handlers.keys().cloned().collect();
        known.sort_unstable();
        ActionCheck::Unknown { known }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
