//! What an engine is made of, whether it works or not.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use gathering_domain::definition::{ActionCheck, ConfigProblem, OwnKinds, Problem, Rules, check_kind_name, compile};
use gathering_domain::pipeline::{HandlerName, Pipeline};
use gathering_domain::{Clock, Entropy, InstanceId};
use gathering_persistence::{Connection, Error, Pool};
use serde_json::{Map, Value};

use crate::handler::Handler;
use crate::library::Library;
use crate::limits::Limits;
use crate::queuing::Queuing;
use crate::session::excluded::Excluded;
use crate::stats::Counters;
use crate::wait::Waiters;

/// The parts that every clone of an engine shares.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) limits: Limits,
    pub(crate) handlers: HashMap<HandlerName, Arc<dyn Handler>>,
    pub(crate) library: Library,
    pub(crate) waiters: Waiters,
    /// What cannot be run here; known from one session to the next.
    pub(crate) excluded: Excluded,
    /// Starts while no session is there to take them.
    pub(crate) queuing: Queuing,
    /// What was done, over all sessions.
    pub(crate) counters: Arc<Counters>,
    /// The ids under which this process worked before it was fenced: their runs lost an instance, but no process died.
    pub(crate) former: Mutex<VecDeque<InstanceId>>,
    /// The instance's name for people.
    pub(crate) name: String,
}

/// The most former ids that are remembered; the runs of older ones count as those of a dead process.
const MAX_FORMER: usize = 100;

impl Shared {
    /// Remembers an instance of this very process that others may take for dead.
    pub(crate) fn note_former(&self, instance: InstanceId) {
        if let Ok(mut former) = self.former.lock() {
            former.truncate(MAX_FORMER - 1);
            former.push_front(instance);
        }
    }

    /// Whether this process worked under that id.
    pub(crate) fn was(&self, instance: InstanceId) -> bool {
        self.former.lock().is_ok_and(|former| former.contains(&instance))
    }

    /// A connection of the pool, for a moment; waited for at most for ten seconds.
    pub(crate) async fn connection(&self) -> Result<Connection, Error> {
        gathering_persistence::acquire(&self.pool).await
    }

    /// Checks a definition, of a schedule's pipeline or another, against this engine's limits and handlers.
    pub(crate) fn compile(&self, definition: &Value, of_schedule: bool) -> Result<Pipeline, Vec<Problem>> {
        let check = |name: &HandlerName, config: &Map<String, Value>| self.check_action(name, config);
        let has_target = |name: &HandlerName| self.handlers.get(name).is_none_or(|handler| handler.has_target());
        let kinds = self.handlers.keys().filter_map(kind);
        let mut kinds: Vec<_> = kinds.filter(|name| check_kind_name(name).is_ok()).collect();
        kinds.sort_unstable();
        compile(
            definition,
            &Rules {
                max_nodes: self.limits.max_nodes,
                check_action: Some(&check),
                has_target: Some(&has_target),
                kinds: OwnKinds::Only(&kinds),
                firing: of_schedule,
            },
        )
    }

    /// Refuses node types whose names none can have.
    pub(crate) fn check_kinds(&self) -> Result<(), crate::Error> {
        let mut kinds: Vec<_> = self.handlers.keys().filter_map(kind).collect();
        kinds.sort_unstable();
        kinds.into_iter().try_for_each(|name| {
            check_kind_name(name).map_err(|reason| crate::Error::InvalidNodeKind {
                name: name.to_owned(),
                reason,
            })
        })
    }

    fn check_action(&self, name: &HandlerName, config: &Map<String, Value>) -> ActionCheck {
        if let Some(handler) = self.handlers.get(name) {
            let checking = AssertUnwindSafe(|| handler.check(config));
            // A fault in somebody's check must not take down who saves, or validates, a definition.
            return ActionCheck::Checked(catch_unwind(checking).unwrap_or_else(|_panic| vec![check_failed(name)]));
        }
        let mut known: Vec<_> = self.handlers.keys().filter_map(action).map(str::to_owned).collect();
        known.sort_unstable();
        ActionCheck::Unknown { known }
    }
}

fn action(name: &HandlerName) -> Option<&str> {
    match name {
        HandlerName::Action(name) => Some(name),
        HandlerName::Kind(_) => None,
    }
}

fn kind(name: &HandlerName) -> Option<&str> {
    match name {
        HandlerName::Action(_) => None,
        HandlerName::Kind(name) => Some(name),
    }
}

/// The problem of a node whose handler panicked over its config.
fn check_failed(name: &HandlerName) -> ConfigProblem {
    tracing::error!(handler = %name, "a handler panicked while it checked a config");
    ConfigProblem {
        field: String::new(),
        code: "check_failed",
        message: format!("the check of {name} ended abnormally over this config; the log says more"),
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
