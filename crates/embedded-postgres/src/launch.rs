//! Brings a cluster up, whatever the last one who ran it has left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::command::command;
use crate::deadline::Deadline;
use crate::error::while_trying;
use crate::home::Home;
use crate::pid_file::{PidFile, Status};
use crate::postmaster::Postmaster;
use crate::{Binaries, Durability, Error, Options, log, process, socket};

/// Marks a PostgreSQL that was started here, in its command line and in `postmaster.opts`.
const MARK: &str = "cluster_name=gathering";

/// What PostgreSQL says while processes of a killed postmaster are still on their way out.
const LINGERING: &str = "pre-existing shared memory block";

/// What became of whoever ran the cluster before.
pub(crate) enum Predecessor {
    /// Nobody runs it.
    Gone,
    /// Somebody started it by hand, and goes on.
    Serving(PidFile),
}

/// Settles what the last process that ran the cluster has left. A postmaster that was started here has lost its parent: it
/// has been, or is being, told to stop, so it is stopped and waited for. One that somebody started by hand is left alone.
/// A pid file that makes no sense, or whose number now means another process, is removed; PostgreSQL itself would refuse to
/// start for ever.
pub(crate) fn settle(home: &Home, deadline: Deadline) -> Result<Predecessor, Error> {
    let data = home.data();
    let ours = fs::read_to_string(data.join("postmaster.opts")).is_ok_and(|opts| opts.contains(MARK));
    let mut told = false;
    let settled = deadline.poll(|| {
        let Some(found) = PidFile::read(&data).filter(|found| process::serves(found.pid, &data)) else {
            forget_pid_file(&data);
            return Some(Predecessor::Gone);
        };
        if ours && !told {
            tracing::info!(
                pid = found.pid.as_raw(),
                "stopping a PostgreSQL that has lost its parent"
            );
            kill(found.pid, Signal::SIGINT).ok();
            told = true;
        }
        (!ours && found.status == Status::Ready).then_some(Predecessor::Serving(found))
    });
    settled.ok_or_else(|| Error::TimedOut {
        what: "waiting for the PostgreSQL that runs already",
        limit: deadline.limit(),
        log: home.log(),
    })
}

/// Starts PostgreSQL and waits until it takes connections; only after [`settle`] has said that nobody runs it.
pub(crate) fn launch(home: &Home, binaries: &Binaries, options: &Options) -> Result<(Postmaster, PathBuf), Error> {
    let socket_dir = socket::prepare(home)?;
    let deadline = Deadline::after(options.start_timeout);
    let launched = deadline.poll(|| match launch_once(home, binaries, options, &socket_dir, deadline) {
        Err(Error::Failed { tail, .. }) if tail.contains(LINGERING) && !deadline.left().is_zero() => None,
        settled => Some(settled),
    });
    let postmaster = launched.unwrap_or_else(|| Err(too_slow(home, deadline)))?;
    Ok((postmaster, socket_dir))
}

fn launch_once(
    home: &Home,
    binaries: &Binaries,
    options: &Options,
    socket_dir: &Path,
    deadline: Deadline,
) -> Result<Postmaster, Error> {
    let program = binaries.program("postgres");
    let (log, before) = log::open(home)?;
    // A fast stop: sessions are ended, data are brought to disk.
    let mut command = command(&program, home.account(), &log, Signal::SIGINT)?;
    command.arg("-D").arg(home.data());
    for setting in settings(options, socket_dir) {
        command.arg("-c").arg(setting);
    }
    let mut postmaster = Postmaster::spawn(command).map_err(while_trying("run", &program))?;
    match wait_ready(&postmaster, &home.data(), deadline) {
        Outcome::Ready => Ok(postmaster),
        Outcome::Ended(status) => {
            let tail = log::tail(&home.log(), before);
            Err(Error::Failed {
                program: "postgres".to_owned(),
                status,
                log: home.log(),
                tail,
            })
        }
        Outcome::TooSlow => {
            postmaster.stop(options.stop_timeout);
            Err(too_slow(home, deadline))
        }
    }
}

enum Outcome {
    Ready,
    Ended(ExitStatus),
    TooSlow,
}

/// Reads its status from the pid file: connecting instead would fill the log with refusals.
fn wait_ready(postmaster: &Postmaster, data: &Path, deadline: Deadline) -> Outcome {
    loop {
        let said = PidFile::read(data).filter(|file| file.pid == postmaster.pid());
        if said.is_some_and(|file| file.status == Status::Ready) {
            return Outcome::Ready;
        }
        let pause = deadline.pause();
        if let Some(status) = postmaster.wait(pause) {
            return Outcome::Ended(status);
        }
        if pause == Duration::ZERO {
            return Outcome::TooSlow;
        }
    }
}

fn settings(options: &Options, socket_dir: &Path) -> Vec<String> {
    let mut settings: Vec<String> = [
        MARK,
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "jit=off",
        "shared_buffers=128MB",
        "timezone=UTC",
        "log_timezone=UTC",
        "log_destination=stderr",
        "logging_collector=off",
    ]
    .map(str::to_owned)
    .into();
    settings.push(format!("port={}", socket::PORT));
    settings.push(format!("unix_socket_directories={}", socket_dir.display()));
    settings.push(format!("max_connections={}", options.max_connections));
    if options.durability == Durability::Off {
        settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
    }
    settings
}

/// Removes the pid file of a PostgreSQL that does not run, but for the one case that PostgreSQL is better at: a number that
/// means no process. There it also reads from the file which shared memory the dead one had.
fn forget_pid_file(data: &Path) {
    let path = PidFile::path(data);
    let reused = PidFile::read(data).is_none_or(|found| process::exists(found.pid));
    if reused && fs::remove_file(&path).is_ok() {
        tracing::warn!(path = %path.display(), "removed a pid file that means no PostgreSQL");
    }
}

fn too_slow(home: &Home, deadline: Deadline) -> Error {
    Error::TimedOut {
        what: "starting PostgreSQL",
        limit: deadline.limit(),
        log: home.log(),
    }
}
