//! The attempts of one run that are under way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use gathering_domain::planner::AttemptEnd;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

/// The attempts of one run that are under way; dropping it drops them.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// Room for this run's, and for all runs' of the session.
    room: [Arc<Semaphore>; 2],
    running: JoinSet<AttemptEnd>,
    /// Ended before they needed a task of their own.
    ended: Vec<AttemptEnd>,
    pace: Arc<Pace>,
}

/// Whether handlers come back quickly when they are called, with an answer or to wait for one.
///
/// What is called by the run's own task keeps those behind it waiting, so that one that computes or blocks belongs into a task of its own.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// How many calls yet are not to be made by the run's own task.
    apart: AtomicU32,
}

/// Longer than a call takes that only sets something going.
const QUICK: Duration = Duration::from_micros(200);
/// How many calls go into tasks of their own after one that was not quick.
const APART: u32 = 1_000;

impl Pace {
    /// Whether the next call, which is one of several, is made by the run's own task.
    fn allows(&self) -> bool {
        let one_less = |apart: u32| apart.checked_sub(1);
        self.apart
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_err()
    }

    fn note(&self, took: Duration) {
        if took > QUICK {
            self.apart.store(APART, Ordering::Relaxed);
        }
    }
}

/// Room for an attempt: of its run, and of the session.
pub(crate) type Permits = Option<[OwnedSemaphorePermit; 2]>;

impl Attempts {
    /// None yet; at most so many at once of this run, and as many of all as the session has room for.
    pub(crate) fn new(of_run: usize, of_session: Arc<Semaphore>, pace: Arc<Pace>) -> Self {
        Self {
            room: [Arc::new(Semaphore::new(of_run.max(1))), of_session],
            running: JoinSet::new(),
            ended: Vec::new(),
            pace,
        }
    }

    /// Begins one.
    ///
    /// It is first tried on the run's own task: what needs no waiting, then needs no task either. Of several that is done only while
    /// handlers come back quickly; those of handlers that do not run in tasks of their own, in parallel even where they block.
    pub(crate) async fn start(&mut self, attempt: impl Future<Output = AttemptEnd> + Send + 'static, alone: bool) {
        let permits = self.permits();
        let mut attempt = Box::pin(async move {
            let _permits = permits.await;
            attempt.await
        });
        if (alone || self.pace.allows())
            && let Some(end) = self.try_at_once(attempt.as_mut()).await
        {
            self.ended.push(end);
        } else {
            self.running.spawn(attempt.in_current_span());
        }
    }

    async fn try_at_once<F: Future>(&self, attempt: Pin<&mut F>) -> Option<F::Output> {
        let begun = Instant::now();
        let output = poll_once(attempt).await;
        self.pace.note(begun.elapsed());
        output
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

#[cfg(test)]
mod tests {
    use gathering_domain::node_event::Attempt;
    use gathering_domain::planner::AttemptResult;

    use super::*;

    #[test]
    fn after_a_call_that_was_not_quick_the_next_ones_are_made_apart_for_a_while() {
        let pace = Pace::default();
        pace.note(QUICK);
        assert!(pace.allows());
        pace.note(QUICK * 2);
        let apart = (0..APART).filter(|_| !pace.allows()).count();
        assert_eq!(apart, APART as usize);
        assert!(pace.allows());
    }

    #[tokio::test]
    async fn attempts_that_need_no_waiting_need_no_task_and_the_others_get_one() {
        let mut attempts = Attempts::new(10, Arc::new(Semaphore::new(10)), Arc::default());
        let end = |node| AttemptEnd {
            node,
            attempt: Attempt {
                number: 1,
                uncounted: 0,
                started_at: jiff::Timestamp::UNIX_EPOCH,
            },
            result: AttemptResult::Interrupted,
        };
        attempts.start(std::future::ready(end(0)), false).await;
        attempts
            .start(
                async move {
                    tokio::task::yield_now().await;
                    end(1)
                },
                false,
            )
            .await;
        assert_eq!((attempts.ended.len(), attempts.running.len()), (1, 1));
        let mut ended = attempts.ended().await;
        ended.extend(attempts.ended().await);
        assert_eq!(ended.iter().map(|end| end.node).collect::<Vec<_>>(), [0, 1]);
    }
}
