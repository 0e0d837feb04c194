//! Logs: one line per event on standard error, JSON for machines or text for a terminal.

mod fields;
mod json;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing::field::display;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

pub(crate) use self::fields::chain;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

impl LogFormat {
    /// Text where a person watches, JSON where a program collects.
    pub(crate) fn usual() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Whoever sends what is no HTTP would have one ERROR line each written, which says nothing of who that was. What `log_filter` says of it counts more.
const QUIET: &str = "actix_http::h1::dispatcher=off";

/// Sends every log line of this process to standard error; a second call changes nothing.
pub(crate) fn start(format: LogFormat, filter: &str) {
    let filter = EnvFilter::builder().parse_lossy(format!("{QUIET},{filter}"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => lines.fmt_fields(JsonFields::new()).event_format(json::Lines).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    // Only a second call fails, and then the first one's lines are as good.
    if started.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// A panic is one log line like every other, with the ids of the request and the run that it came in.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| display(backtrace));
    let thread = std::thread::current();
    tracing::error!(error = %panic, thread = thread.name(), backtrace, "panicked");
}
