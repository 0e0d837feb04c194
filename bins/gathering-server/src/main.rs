#![doc = include_str!("../README.md")]

mod audit;
mod cli;
mod columns;
mod database;
mod demo;
mod failure;
mod http;
mod keys;
mod metrics;
mod migrate;
mod nearest;
mod schedules;
mod serve;
mod settings;
mod telemetry;
mod user;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use mimalloc::MiMalloc;

use self::cli::{AuditCommand, Cli, Command, ConfigArgs};
use self::failure::Failure;
use self::schedules::SchedulesCommand;
use self::settings::{Loaded, Settings};
use self::telemetry::{LogFormat, Taken};

/// The C library's gives memory from one thread to another slowly: a run is made on one and ends on another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long the process waits for its threads at the very end.
const LAST_WAIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let Cli { flags, command } = Cli::parse();
    let data_dir = flags.data_dir().map(Path::to_path_buf);
    let loaded = settings::load(&flags.into_inputs());
    let format = loaded.settings.as_ref().map(|settings| settings.log_format).ok();
    let outcome = match command {
        Command::Config(args) => config(loaded, &args),
        Command::Serve => with_settings(loaded, async |settings, spans| serve::run(settings, spans).await),
        Command::Demo(args) => on_runtime(async || Ok(demo::run(&args, data_dir.as_deref()).await?)),
        Command::Audit(AuditCommand::Verify(args)) => {
            with_settings(loaded, async |settings, _| audit::verify(&settings, args).await)
        }
        Command::User(command) => with_settings(loaded, async |settings, _| user::run(&settings, command).await),
        Command::Schedules(SchedulesCommand::Next(args)) => schedules::next(&args),
        Command::Schedules(SchedulesCommand::InDatabase(command)) => {
            with_settings(loaded, async |settings, _| schedules::run(&settings, command).await)
        }
        Command::Keys(command) => with_settings(loaded, async |settings, _| keys::run(&settings, command).await),
        Command::Migrate => with_settings(loaded, async |settings, _| migrate::run(&settings).await),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure, format);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Says on standard error why the command failed: as one more log line where a program reads those.
fn tell(failure: &Failure, format: Option<LogFormat>) {
    if format == Some(LogFormat::Json) && tracing::dispatcher::has_been_set() {
        tracing::error!(error = failure as &dyn std::error::Error, "the command failed");
        return;
    }
    // Where even standard error is closed, the exit code has to do.
    let _ = writeln!(io::stderr(), "gathering: {}", telemetry::chain(failure));
}

/// Prints the settings; wrong ones are shown as they are, and then refused.
fn config(loaded: Loaded, args: &ConfigArgs) -> Result<(), Failure> {
    let text = if args.json {
        format!("{:#}\n", settings::json(&loaded))
    } else {
        settings::text_table(&loaded)
    };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|source| Failure::System {
            action: "write to standard output",
            source,
        })?;
    loaded.settings.map(drop).map_err(Failure::Settings)
}

/// Runs a command that needs right settings.
fn with_settings(
    loaded: Loaded,
    command: impl AsyncFnOnce(Settings, Option<Taken>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let settings = loaded.settings?;
    let spans = telemetry::start(
        settings.log_format,
        &settings.log_filter,
        settings.otlp_endpoint.is_some(),
    );
    on_runtime(async || command(settings, spans).await)
}

/// Runs a command on the main runtime: the connections of the pool and the tasks of the engines live there.
fn on_runtime(command: impl AsyncFnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::System {
            action: "start the runtime",
            source,
        })?;
    let outcome = runtime.block_on(command());
    // Whatever still blocks a thread, such as a database that was being created, ends with the process.
    runtime.shutdown_timeout(LAST_WAIT);
    outcome
}
