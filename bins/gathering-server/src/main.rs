//! The binary `gathering`.

mod cli;
mod database;
mod failure;
mod http;
mod migrate;
mod nearest;
mod serve;
mod settings;
mod telemetry;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use self::cli::{Cli, Command, ConfigArgs};
use self::failure::Failure;
use self::settings::{Loaded, Settings};

fn main() -> ExitCode {
    let Cli { flags, command } = Cli::parse();
    let loaded = settings::load(&flags.into_inputs());
    let outcome = match command {
        Command::Config(args) => config(loaded, &args),
        Command::Serve => with_settings(loaded, async |settings| serve::run(settings).await),
        Command::Migrate => with_settings(loaded, async |settings| migrate::run(&settings).await),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where even standard error is closed, the exit code has to do.
            let _ = writeln!(io::stderr(), "gathering: {}", telemetry::chain(&failure));
            ExitCode::from(failure.exit_code())
        }
    }
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

/// Runs a command on the main runtime: the connections of the pool and the tasks of the engines live there.
fn with_settings(loaded: Loaded, command: impl AsyncFnOnce(Settings) -> Result<(), Failure>) -> Result<(), Failure> {
    let settings = loaded.settings?;
    telemetry::start(settings.log_format, &settings.log_filter);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::System {
            action: "start the runtime",
            source,
        })?;
    runtime.block_on(command(settings))
}
