//! Whether this instance shall get requests: not while it shuts down, while the database is away, or while no run is worked on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gathering::{Error, Gathering};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::code::Code;
use super::problem::Problem;

/// How long an answer of the database holds, so that many probes are one query.
const FRESH: Duration = Duration::from_secs(1);
/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known about readiness.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    draining: AtomicBool,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// From now on this instance is not ready, because it shuts down.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it shuts down.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Refuses while this instance shall get no requests.
    pub(super) async fn check(&self, gathering: &Gathering) -> Result<(), Problem> {
        if self.is_draining() {
            return Err(Error::Stopping.into());
        }
        let detail = if !self.database_answers(gathering).await {
            "the database did not answer within a second; look at it, or at the log of this server"
        } else if !gathering.is_working() {
            "this instance has lost the database and works on no run until it is registered again; its log says why"
        } else {
            return Ok(());
        };
        Err(Problem::new(Code::UseCase(gathering::Code::DatabaseUnavailable), detail).with_retry_after(FRESH))
    }

    /// Whoever comes while another probe asks waits for that one's answer.
    async fn database_answers(&self, gathering: &Gathering) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, answered)) = *last
            && at.elapsed() < FRESH
        {
            return answered;
        }
        let outcome = timeout(PATIENCE, gathering.check_database()).await;
        let answered = matches!(outcome, Ok(Ok(())));
        if let Ok(Err(error)) = outcome {
            log(&error);
        }
        *last = Some((Instant::now(), answered));
        answered
    }
}

fn log(error: &Error) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "not ready: the database does not answer"
    );
}
