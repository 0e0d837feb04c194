//! How PostgreSQL's programs are run: as the right account, with a bare environment, and never longer than their parent.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::account::Account;
use crate::deadline::Deadline;
use crate::error::while_trying;
use crate::home::Home;
use crate::{Error, log};

/// A command for `program`, run as `account`, that writes its messages to `log` and gets `signal` when the thread that
/// spawned it ends (on Linux). In a process group of its own, so that ^C at a terminal reaches this process alone.
pub(crate) fn command(program: &Path, account: &Account, log: &File, signal: Signal) -> Result<Command, Error> {
    let duplicate = || log.try_clone().map_err(while_trying("write the log of", program));
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .process_group(0);
    command.stdin(Stdio::null()).stdout(duplicate()?).stderr(duplicate()?);
    if let Some((uid, gid)) = account.switch() {
        // The standard library drops the other groups, too, when root switches.
        command.uid(uid.as_raw()).gid(gid.as_raw());
    }
    die_with_parent(&mut command, signal);
    Ok(command)
}

/// Runs `command` to its end with `input` on its standard input; `what` names it in errors.
pub(crate) fn run(
    mut command: Command,
    what: &'static str,
    input: &str,
    home: &Home,
    deadline: Deadline,
) -> Result<(), Error> {
    let path = home.log();
    let (_, before) = log::open(home)?;
    let program = command.get_program().to_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .map_err(while_trying("run", Path::new(&program)))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading says why in its log.
        stdin.write_all(input.as_bytes()).ok();
    }
    match wait(&mut child, deadline) {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => {
            let tail = log::tail(&path, before);
            Err(Error::Failed {
                program: what.to_owned(),
                status,
                log: path,
                tail,
            })
        }
        Some(Err(error)) => Err(while_trying("wait for", Path::new(&program))(error)),
        None => Err(Error::TimedOut {
            what,
            limit: deadline.limit(),
            log: path,
        }),
    }
}

/// Waits for the child's end; kills it, and all it has started, where that does not come in time.
fn wait(child: &mut Child, deadline: Deadline) -> Option<std::io::Result<ExitStatus>> {
    let ended = deadline.poll(|| child.try_wait().transpose());
    if ended.is_none() {
        if let Ok(pid) = i32::try_from(child.id()) {
            killpg(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
        child.wait().ok();
    }
    ended
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "what runs between fork and exec makes two system calls and allocates nothing"
)]
fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = Pid::this();
    let ask = move || {
        nix::sys::prctl::set_pdeathsig(signal)?;
        // The parent may have ended before the signal was asked for.
        if nix::unistd::getppid() == parent {
            Ok(())
        } else {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    };
    // SAFETY: `ask` is async-signal-safe: prctl and getppid, no allocation (both error values are plain numbers), no lock.
    unsafe { command.pre_exec(ask) };
}

/// Other systems have no such signal: there the next start finds the orphan and stops it.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command, _signal: Signal) {}
