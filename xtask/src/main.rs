//! The project's own commands, run as `cargo xtask COMMAND`.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage; `test`, `demo`, `bench` and `verify` pass on the code of the program they run.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod check;
mod context;
mod error;
mod metadata;
mod process;
mod run;
mod setup;
mod terminal;
mod verify;

use check::StageName;
use context::Context;
use error::Error;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make sure that PostgreSQL's binaries, and a Redis for the tests, are there, and install them where that is possible
    Setup,
    /// Run the stages that a change must pass, all of them or those named
    Check {
        /// The stages to run; none means all
        stages: Vec<StageName>,
    },
    /// Set up, then run every test of the workspace
    Test {
        /// Passed to `cargo test --workspace`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Set up, then watch a pipeline run, die half-way and finish
    Demo {
        /// Passed to `gathering demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Set up, then measure the engine beside the database's own rate
    Bench {
        /// limits, w1, w2, w3, w4, idle, pure, instances, memory, linear, growth, growth-full or held; none means the first four
        name: Option<String>,
        /// Also write the figures to this file
        #[arg(long, value_name = "PATH")]
        json: Option<std::path::PathBuf>,
    },
    /// Set up, then try what no test can: for minutes, with chance
    Verify {
        #[command(subcommand)]
        what: verify::Verification,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match Context::load().and_then(|context| dispatch(&context, arguments.command)) {
        Ok(code) => code,
        Err(error) => {
            terminal::report_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(context: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Setup => {
            setup::ensure(context)?;
            setup::ensure_redis(context).map(|()| ExitCode::SUCCESS)
        }
        Command::Check { stages } => Ok(check::run(context, &stages)),
        Command::Test { arguments } => run::test(context, &with_separator(arguments)),
        Command::Demo { arguments } => run::demo(context, &arguments),
        Command::Bench { name, json } => run::bench(context, name.as_deref(), json.as_deref()),
        Command::Verify { what } => verify::run(context, &what),
    }
}

/// The parser drops a separator that comes first; cargo needs it, as in `cargo xtask test -- --nocapture`.
fn with_separator(mut arguments: Vec<String>) -> Vec<String> {
    if std::env::args().nth(2).is_some_and(|first| first == "--") {
        arguments.insert(0, "--".to_owned());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
