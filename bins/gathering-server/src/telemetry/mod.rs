//! Logs: one line per event on standard error, JSON for machines or text for a terminal.

mod fields;
mod json;
mod otlp;
mod spans;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing::field::display;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

pub(crate) use self::fields::chain;
pub(crate) use self::otlp::{Export, Losses};
pub(crate) use self::spans::Taken;

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

/// Writes log lines to standard error from now on; a second call changes nothing. With `spans`, gives those that end from now on.
pub(crate) fn start(format: LogFormat, filter: &str, spans: bool) -> Option<Taken> {
    let filter = EnvFilter::builder().parse_lossy(format!("{QUIET},{filter}"));
    let filter = filter.and(filter_fn(holds_no_secrets).with_max_level_hint(LevelFilter::TRACE));
    let (spans, taken) = spans.then(spans::spans).unzip();
    let wanted = filter_fn(spans::is_wanted).with_max_level_hint(LevelFilter::DEBUG);
    let all = Registry::default().with(spans.map(|spans| spans.with_filter(wanted)));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => {
            let lines = lines.fmt_fields(JsonFields::new()).event_format(json::Lines);
            all.with(lines.with_filter(filter)).try_init()
        }
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal());
            all.with(lines.with_filter(filter)).try_init()
        }
    };
    // Only a second call fails, and then the first one's lines are as good.
    if started.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    taken
}

/// Below INFO the database's driver writes down the parameters of every statement: signing keys, hashes of passwords and tokens, what runs are
/// given. Whatever `log_filter` says, that is nothing for a log.
fn holds_no_secrets(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !metadata.target().starts_with("tokio_postgres")
}

/// A panic is one log line like every other, with the ids of the request and the run that it came in.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| display(backtrace));
    let thread = std::thread::current();
    tracing::error!(error = %panic, thread = thread.name(), backtrace, "panicked");
}
