//! The bounds of an engine.

mod check;

use std::time::Duration;

pub use check::LimitProblem;

/// The bounds of an engine; the defaults suit one server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Runs held in memory at once; more stay in the queue, in the database. Default 5,000.
    pub max_runs: usize,
    /// Nodes of one pipeline. Default 10,000.
    pub max_nodes: usize,
    /// Bytes of one node's output; a larger one fails the node. Default 1 MiB.
    pub max_output_bytes: usize,
    /// Bytes of a run's journal; a run that comes to more fails as `run_too_large`. Default 64 MiB.
    pub max_run_bytes: usize,
    /// Attempts of one run at once; more wait. Default 64.
    pub max_attempts_per_run: usize,
    /// Attempts of all runs at once; more wait. Default 1,000.
    pub max_attempts: usize,
    /// Bytes of a run's input. Default 1 MiB.
    pub max_input_bytes: usize,
    /// Starts that wait for their commit; more are refused as [`Error::Overloaded`](crate::Error::Overloaded). Default 10,000.
    pub max_waiting_starts: usize,
    /// Bytes of the inputs of starts that wait for their commit; what does not fit is refused likewise. Default 64 MiB.
    pub max_waiting_start_bytes: usize,
    /// A run with nothing to do for longer than this is put down until it has. Default 1 s.
    pub release_after: Duration,
    /// How many processes die under a node before it is put into quarantine, until [`Engine::release_node`](crate::Engine::release_node);
    /// at least 2, also where 1 is said. Before the last of them it is on trial, apart from all suspects that are not: in groups of at most
    /// [`MAX_TOGETHER`](gathering_domain::trial::MAX_TOGETHER), an eighth of them after every further death, of which only one that it stands alone in
    /// counts as the last. Default 3.
    pub max_lost_attempts: u32,
    /// How long a handler may take to notice that it is cancelled before its future is dropped. Default 250 ms.
    pub cancel_grace: Duration,
    /// How often the queue is looked at when nothing wakes the engine earlier. Default 250 ms.
    pub poll_interval: Duration,
    /// How often the heartbeat is written, and runs are looked for that were cancelled elsewhere. Default 250 ms.
    pub heartbeat_interval: Duration,
    /// How old the heartbeat of an instance without its lock is when others take over its runs. Default 1 s.
    pub grace: Duration,
    /// How old a heartbeat is when others take over, lock or not. Default 10 s.
    pub lease: Duration,
    /// Weight of all compiled pipelines that are kept in memory: see [`Pipeline::weight`](gathering_domain::pipeline::Pipeline::weight).
    /// Default 400,000.
    pub max_cached_weight: u64,
    /// How long ended runs are kept, with their journals and idempotency keys: at least 1 day. History goes by whole weeks, so a run stays up
    /// to a week longer. `None` keeps everything for ever. Default `None`: nothing of an embedder is deleted unasked.
    pub retention: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_runs: 5_000,
            max_nodes: 10_000,
            max_output_bytes: 1 << 20,
            max_run_bytes: 64 << 20,
            max_attempts_per_run: 64,
            max_attempts: 1_000,
            max_input_bytes: 1 << 20,
            max_waiting_starts: 10_000,
            max_waiting_start_bytes: 64 << 20,
            release_after: Duration::from_secs(1),
            max_lost_attempts: 3,
            cancel_grace: Duration::from_millis(250),
            poll_interval: Duration::from_millis(250),
            heartbeat_interval: Duration::from_millis(250),
            grace: Duration::from_secs(1),
            lease: Duration::from_secs(10),
            max_cached_weight: 400_000,
            retention: None,
        }
    }
}
