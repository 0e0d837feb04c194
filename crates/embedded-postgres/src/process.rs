//! Foreign processes: whether a number in a pid file still means a PostgreSQL on our data.

use std::path::Path;

use nix::unistd::Pid;

/// Whether process `pid` runs PostgreSQL on the cluster in `data`. A number is reused by the system, so that it is alive
/// says nothing.
#[cfg(target_os = "linux")]
pub(crate) fn serves(pid: Pid, data: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    // A postmaster works in its data directory; a dead one that nobody has waited for works nowhere.
    let works_in = std::fs::read_link(process.join("cwd"));
    let is_there = works_in.is_ok_and(|dir| std::fs::canonicalize(data).is_ok_and(|data| dir == data));
    is_there && std::fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres")
}

/// Whether process `pid` runs PostgreSQL; on whose data, this system does not tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn serves(pid: Pid, _data: &Path) -> bool {
    let listed = std::process::Command::new("ps")
        .args(["-o", "comm=", "-p", &pid.to_string()])
        .output();
    listed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with("postgres"))
}

/// Whether any process has this number; one that nobody has waited for has it too.
pub(crate) fn exists(pid: Pid) -> bool {
    nix::sys::signal::kill(pid, None) != Err(nix::errno::Errno::ESRCH)
}
