//! What the operating system says of this process; where it says nothing, nothing is told.

use std::fs;

use super::text::Text;

/// In which the kernel tells times to processes, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory, threads, files and processor time, as Linux tells them in /proc.
pub(super) fn write(text: &mut Text) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = |key| line(&status, key).map(|kilobytes| kilobytes * 1024);
    gauge(
        text,
        "process_resident_memory_bytes",
        "Memory in use.",
        memory("VmRSS:"),
    );
    gauge(
        text,
        "process_virtual_memory_bytes",
        "Address space in use.",
        memory("VmSize:"),
    );
    gauge(
        text,
        "process_threads",
        "Threads of the operating system.",
        line(&status, "Threads:"),
    );
    let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
    gauge(text, "process_open_fds", "Open files, sockets included.", open);
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    gauge(
        text,
        "process_max_fds",
        "The most files that may be open.",
        line(&limits, "Max open files"),
    );
    let name = "process_cpu_seconds_total";
    text.head(name, "counter", "Processor time used, by all threads.");
    if let Some(seconds) = processor_seconds() {
        text.sample(name, &[], seconds);
    }
}

fn gauge(text: &mut Text, name: &str, help: &str, value: Option<u64>) {
    text.head(name, "gauge", help);
    if let Some(value) = value {
        text.sample(name, &[], value);
    }
}

/// The first number after the key.
fn line(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The 14th and 15th field, counted behind the name of the process, which may hold anything.
fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}
