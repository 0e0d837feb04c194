//! The attempts of one run that are under way.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use gathering_domain::planner::AttemptEnd;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// The attempts of one run that are under way; dropping it drops them.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// Room for this run's, and for all runs' of the session.
    room: [Arc<Semaphore>; 2],
    running: JoinSet<AttemptEnd>,
    /// Ended before they needed a task of their own.
    ended: Vec<AttemptEnd>,
}

/// Room for an attempt: of its run, and of the session.
pub(crate) type Permits = Option<[OwnedSemaphorePermit; 2]>;

impl Attempts {
    /// None yet; at most so many at once of this run, and as many of all as the session has room for.
    pub(crate) fn new(of_run: usize, of_session: Arc<Semaphore>) -> Self {
        Self {
            room: [Arc::new(Semaphore::new(of_run.max(1))), of_session],
            running: JoinSet::new(),
            ended: Vec::new(),
        }
    }

    /// Begins one.
    ///
    /// One that is alone is first tried on the run's own task: what needs no waiting, then needs no task either. Several always run in
    /// tasks of their own, in parallel even where a handler blocks.
    pub(crate) async fn start(&mut self, attempt: impl Future<Output = AttemptEnd> + Send + 'static, alone: bool) {
        let permits = self.permits();
        let mut attempt = Box::pin(async move {
            let _permits = permits.await;
            attempt.await
        });
        if alone && let Some(end) = poll_once(attempt.as_mut()).await {
            self.ended.push(end);
        } else {
            self.running.spawn(attempt.in_current_span());
        }
    }

    /// Begins one that has its room already, in a task of its own.
    pub(crate) fn begin(&mut self, attempt: impl Future<Output = AttemptEnd> + Send + 'static, permits: Permits) {
        let attempt = async move {
            let _permits = permits;
            attempt.await
        };
        self.running.spawn(attempt.in_current_span());
    }

    /// Waits for room for one more.
    pub(crate) fn permits(&self) -> impl Future<Output = Permits> + Send + 'static {
        let [of_run, of_session] = self.room.clone();
        async move {
            // Neither is ever closed; and this order cannot block itself: who has room in the session works.
            let of_run = of_run.acquire_owned().await.ok()?;
            let of_session = of_session.acquire_owned().await.ok()?;
            Some([of_run, of_session])
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.running.is_empty()
    }

    /// Those that have ended, at least one; pending for ever while none is under way.
    pub(crate) async fn ended(&mut self) -> Vec<AttemptEnd> {
        if self.ended.is_empty() {
            match self.running.join_next().await {
                // An attempt catches its handler's panics, so it fails to join only when it is dropped.
                Some(joined) => {
                    self.ended.extend(joined);
                    // Those that are about to end, too, get their turn first: then they go into the same append.
                    if !self.running.is_empty() {
                        tokio::task::yield_now().await;
                    }
                }
                None => std::future::pending().await,
            }
        }
        while let Some(joined) = self.running.try_join_next() {
            self.ended.extend(joined);
        }
        std::mem::take(&mut self.ended)
    }

    /// Gives those that are under way a moment to notice that they are cancelled, then drops them and waits until they are gone.
    pub(crate) async fn shutdown(&mut self, grace: Duration) {
        let leaving = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, leaving).await.is_err() {
            self.running.shutdown().await;
        }
    }
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
