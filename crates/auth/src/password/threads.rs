//! A few threads of their own for long computations, with a bounded queue before them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tracing::Span;

/// A tenth of the usual share of a core that somebody else wants as well; the whole of one that nobody wants.
const NICE: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take jobs from one queue. They end when this is dropped and the queue is empty.
#[derive(Debug)]
pub(super) struct Threads {
    queue: SyncSender<Job>,
    load: Arc<Load>,
}

/// What the threads have to do.
#[derive(Debug, Default)]
pub(super) struct Load {
    waiting: AtomicUsize,
    busy: AtomicUsize,
}

impl Load {
    /// How many jobs wait for a thread, and how many threads work.
    pub(super) fn read(&self) -> (usize, usize) {
        (self.waiting.load(Ordering::Relaxed), self.busy.load(Ordering::Relaxed))
    }
}

/// Why a job gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotDone {
    /// The queue is full.
    Full,
    /// The job panicked, or no thread is left.
    Stopped,
}

impl Threads {
    /// Starts `count` threads, before which at most `waiting` jobs wait.
    ///
    /// Each calls `idle` whenever no job waits.
    pub(super) fn start(count: usize, waiting: usize, idle: fn()) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        let load = Arc::new(Load::default());
        for number in 1..=count {
            let (jobs, load) = (Arc::clone(&jobs), Arc::clone(&load));
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&jobs, &load, idle))?;
        }
        Ok(Self { queue, load })
    }

    /// What they have to do.
    pub(super) fn load(&self) -> &Load {
        &self.load
    }

    /// Does `work` on one of the threads. If the caller stops waiting before its turn, it is not done at all.
    pub(super) async fn run<T>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NotDone>
    where
        T: Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let span = Span::current();
        let job: Job = Box::new(move || {
            if !answer.is_closed() {
                // An error here says that the caller has left meanwhile; nobody else wants the result.
                answer.send(span.in_scope(work)).ok();
            }
        });
        // Before it is sent: a thread may have taken it already when that returns.
        self.load.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|refused| {
            self.load.waiting.fetch_sub(1, Ordering::Relaxed);
            match refused {
                TrySendError::Full(_) => NotDone::Full,
                TrySendError::Disconnected(_) => NotDone::Stopped,
            }
        })?;
        result.await.map_err(|_closed| NotDone::Stopped)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, load: &Load, idle: fn()) {
    step_back();
    while let Some(job) = next(jobs) {
        load.busy.fetch_add(1, Ordering::Relaxed);
        load.waiting.fetch_sub(1, Ordering::Relaxed);
        // A job that panics drops its answer, which tells its caller; the thread lives on for the others.
        catch_unwind(AssertUnwindSafe(job)).ok();
        load.busy.fetch_sub(1, Ordering::Relaxed);
        if load.waiting.load(Ordering::Relaxed) == 0 {
            idle();
        }
    }
}

/// Lets everything else go first: whoever asks for something short is not to wait for passwords, which take tens of milliseconds each.
fn step_back() {
    // On Linux nobody in particular means the calling thread; where it is not allowed, it is as good as before.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "passwords are hashed at the usual priority");
    }
}

/// The next job; none once the queue's owner is gone. The lock is held while waiting, and released before the work.
fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_job_answers_its_caller_from_a_thread_of_its_own() {
        let threads = Threads::start(2, 8, || ()).unwrap();
        let name = threads
            .run(|| thread::current().name().map(str::to_owned))
            .await
            .unwrap()
            .unwrap();
        assert!(name.starts_with("password-"), "{name}");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_recovers() {
        let threads = Arc::new(Threads::start(1, 1, || ()).unwrap());
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let blocking = threads.run(move || {
            started.send(()).ok();
            held.recv().ok();
        });
        tokio::pin!(blocking);
        tokio::select! { biased; _ = &mut blocking => {}, _ = running => {} }
        let waiting = threads.run(|| 7);
        tokio::pin!(waiting);
        assert!(futures_poll_once(waiting.as_mut()).await.is_none());
        assert_eq!(threads.run(|| 8).await, Err(NotDone::Full));
        release.send(()).unwrap();
        blocking.await.unwrap();
        assert_eq!(waiting.await, Ok(7));
    }

    #[tokio::test]
    async fn work_whose_caller_has_left_is_not_done() {
        let threads = Threads::start(1, 4, || ()).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let done = Arc::new(AtomicUsize::new(0));
        let blocking = threads.run(move || held.recv().ok());
        tokio::pin!(blocking);
        assert!(futures_poll_once(blocking.as_mut()).await.is_none());
        {
            let done = Arc::clone(&done);
            let mut left = Box::pin(threads.run(move || done.fetch_add(1, Ordering::SeqCst)));
            assert!(futures_poll_once(left.as_mut()).await.is_none());
        }
        release.send(()).unwrap();
        threads.run(|| ()).await.unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_job_that_panics_is_reported_and_the_thread_lives_on() {
        let threads = Threads::start(1, 4, || ()).unwrap();
        assert_eq!(
            threads.run(|| assert!(thread::panicking(), "meant to fail")).await,
            Err(NotDone::Stopped)
        );
        assert_eq!(threads.run(|| 7).await, Ok(7));
    }

    /// Polls once; none if it is still pending.
    async fn futures_poll_once<F: Future + ?Sized>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
