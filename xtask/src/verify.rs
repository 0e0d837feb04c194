//! The commands that try the product for minutes, with chance: `cargo xtask verify …`.

use std::process::{Command, ExitCode};

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::error::Error;
use crate::run::{BUILDING, become_program};
use crate::terminal::say;
use crate::{process, setup};

/// Where the build goes that can switch safeties off, below the usual target folder: its `gathering` must never be taken for the product.
const WITHOUT_SAFETIES: &str = "without-safeties";

/// What can be verified.
#[derive(Debug, Subcommand)]
pub(crate) enum Verification {
    /// Kill, pause, cut off and restart real processes under load, seed by seed, and check that nothing is lost, doubled or untrue
    Faults(Faults),
    /// Log in thousands of times as somebody unknown, with a wrong password and as a disabled user, and see whether the time tells which
    AuthTiming(AuthTiming),
    /// Kill servers while a thousand schedules are due each second, stop them for an hour, set the clock, and check that each due time came exactly once
    Schedules(DueTimes),
}

/// Passed to the program that verifies, which explains them as well.
#[derive(Debug, Args)]
pub(crate) struct DueTimes {
    /// Who is killed when, and how the clock is set. Drawn if not given, and printed
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// How many schedules are due each second of the storm; 1,000 if not given
    #[arg(long, value_name = "N")]
    schedules: Option<u64>,
    /// How long the storm lasts; 60 if not given
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// This part alone: storm, down or clock
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Keep the logs of the servers also where nothing is wrong
    #[arg(long)]
    keep: bool,
}

/// Passed to the program that verifies, which explains them as well.
#[derive(Debug, Args)]
pub(crate) struct AuthTiming {
    /// How many tries of each kind; 1,000 if not given
    #[arg(long, value_name = "N")]
    tries: Option<u32>,
    /// Also try a server that does not hash where nobody is known, and succeed only if that is found
    #[arg(long)]
    prove: bool,
}

/// Passed to the program that verifies, which explains them as well.
#[derive(Debug, Args)]
pub(crate) struct Faults {
    /// How many seeds; 20 if not given
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// The first seed; the others follow it. Drawn if not given, and printed
    #[arg(long, value_name = "SEED")]
    from: Option<u64>,
    /// Repeat this one seed, and keep the logs of its instances
    #[arg(long, conflicts_with_all = ["seeds", "from"], value_name = "SEED")]
    seed: Option<u64>,
    /// Switch this safety off (`epoch_check`, `compare_and_append` or `durable_before_effect`): then something must be found
    #[arg(long, value_name = "SAFETY")]
    without: Option<String>,
    /// Switch each safety off in turn, and succeed only if that is found each time
    #[arg(long, conflicts_with = "without")]
    prove: bool,
}

/// Builds what verifies and lets it take this process's place; the exit code is its own.
pub(crate) fn run(context: &Context, what: &Verification) -> Result<ExitCode, Error> {
    setup::ensure(context)?;
    say(BUILDING);
    let (bench, needs_less, arguments) = match what {
        Verification::Faults(faults) => ("faults", faults.prove || faults.without.is_some(), passed(faults)),
        Verification::AuthTiming(timing) => ("auth_timing", timing.prove, passed_on(timing)),
        Verification::Schedules(asked) => ("schedules", false, of_schedules(asked)),
    };
    // Of the three, that of schedules alone is about how much is carried.
    let profile = if bench == "schedules" { "release" } else { "dev" };
    let mut command = process::cargo_in(&context.root);
    let package = ["--package", "gathering-server", "--bench", bench];
    command.args(["bench", "--profile", profile]).args(package);
    if needs_less {
        without_safeties(&mut command, context);
    }
    become_program(command.arg("--").args(arguments))
}

fn of_schedules(asked: &DueTimes) -> Vec<String> {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let valued = [
        ("--seed", number(asked.seed)),
        ("--schedules", number(asked.schedules)),
        ("--seconds", number(asked.seconds)),
        ("--only", asked.only.clone()),
    ];
    let valued = valued
        .into_iter()
        .filter_map(|(flag, value)| Some([flag.to_owned(), value?]));
    valued
        .flatten()
        .chain(asked.keep.then(|| "--keep".to_owned()))
        .collect()
}

fn passed_on(timing: &AuthTiming) -> Vec<String> {
    let tries = timing.tries.map(|tries| ["--tries".to_owned(), tries.to_string()]);
    let mut passed: Vec<String> = tries.into_iter().flatten().collect();
    passed.extend(timing.prove.then(|| "--prove".to_owned()));
    passed
}

/// Everything but our own few crates is shared with the usual build.
fn without_safeties(command: &mut Command, context: &Context) {
    command
        .args(["--features", "without-safeties"])
        .env("CARGO_BUILD_BUILD_DIR", &context.target)
        .env("CARGO_TARGET_DIR", context.target.join(WITHOUT_SAFETIES));
}

fn passed(faults: &Faults) -> Vec<String> {
    let numbers = [
        ("--seeds", faults.seeds),
        ("--from", faults.from),
        ("--seed", faults.seed),
    ];
    let numbers = numbers
        .into_iter()
        .filter_map(|(flag, number)| Some((flag, number?.to_string())));
    let without = faults.without.iter().map(|safety| ("--without", safety.clone()));
    let valued = numbers
        .chain(without)
        .flat_map(|(flag, value)| [flag.to_owned(), value]);
    valued.chain(faults.prove.then(|| "--prove".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::{DueTimes, Faults, of_schedules, passed};

    #[test]
    fn what_is_asked_for_is_passed_on() {
        let faults = Faults {
            seeds: Some(3),
            from: Some(7),
            seed: None,
            without: Some("epoch_check".to_owned()),
            prove: false,
        };
        assert_eq!(passed(&faults).join(" "), "--seeds 3 --from 7 --without epoch_check");
    }

    #[test]
    fn what_is_asked_of_schedules_is_passed_on_too() {
        let asked = DueTimes {
            seed: Some(7),
            schedules: None,
            seconds: Some(20),
            only: Some("storm".to_owned()),
            keep: true,
        };
        assert_eq!(
            of_schedules(&asked).join(" "),
            "--seed 7 --seconds 20 --only storm --keep"
        );
    }
}
