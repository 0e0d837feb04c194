//! PostgreSQL as a child of this process: started, watched, stopped.

use std::io;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long PostgreSQL gets to quit at once, when it did not stop in time.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A running PostgreSQL, child of a thread of its own.
///
/// The signal that ends PostgreSQL with its parent comes when the *thread* ends that has spawned it, so that one does
/// nothing but wait for it.
#[derive(Debug)]
pub(crate) struct Postmaster {
    pid: Pid,
    end: Arc<End>,
    parent: Option<JoinHandle<()>>,
}

/// How the child ended, once it has.
#[derive(Debug, Default)]
struct End {
    status: Mutex<Option<ExitStatus>>,
    came: Condvar,
}

impl Postmaster {
    /// Spawns `command`.
    pub(crate) fn spawn(command: Command) -> io::Result<Self> {
        let (tell, told) = mpsc::channel();
        let end = Arc::new(End::default());
        let of_parent = Arc::clone(&end);
        let parent = std::thread::Builder::new().name("postgres-parent".to_owned());
        let parent = parent.spawn(move || be_parent(command, &tell, &of_parent))?;
        let pid = told
            .recv()
            .unwrap_or_else(|_closed| Err(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self {
            pid,
            end,
            parent: Some(parent),
        })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits at most `limit` for the child's end.
    pub(crate) fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let status = self.end.lock();
        let waited = self
            .end
            .came
            .wait_timeout_while(status, limit, |status| status.is_none());
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Stops the child: cleanly within `limit`; else it must quit, and recovers at its next start; else it is killed.
    pub(crate) fn stop(&mut self, limit: Duration) {
        let steps = [
            (Signal::SIGINT, limit),
            (Signal::SIGQUIT, QUIT_TIMEOUT),
            (Signal::SIGKILL, QUIT_TIMEOUT),
        ];
        for (signal, limit) in steps {
            if self.wait(Duration::ZERO).is_some() {
                break;
            }
            tracing::debug!(pid = self.pid.as_raw(), %signal, "stopping PostgreSQL");
            kill(self.pid, signal).ok();
            if self.wait(limit).is_none() {
                tracing::warn!(pid = self.pid.as_raw(), %signal, "PostgreSQL did not stop in time");
            }
        }
        if let Some(parent) = self.parent.take().filter(|_| self.wait(Duration::ZERO).is_some()) {
            // It has nothing left to do; that it panicked would have been said by the panic.
            parent.join().ok();
        }
    }
}

impl End {
    fn lock(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn be_parent(mut command: Command, tell: &mpsc::Sender<io::Result<Pid>>, end: &End) {
    let spawned = command.spawn().and_then(|child| {
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        Ok((child, Pid::from_raw(pid)))
    });
    match spawned {
        Err(error) => {
            tell.send(Err(error)).ok();
        }
        Ok((mut child, pid)) => {
            tell.send(Ok(pid)).ok();
            // Waiting for one's own child fails only where somebody else has already waited for it.
            let status = child.wait().unwrap_or_default();
            *end.lock() = Some(status);
            end.came.notify_all();
        }
    }
}
