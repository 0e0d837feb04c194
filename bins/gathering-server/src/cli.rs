//! The command line: what may be typed after `gathering`.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use gathering::Role;

use crate::demo::DemoArgs;
use crate::schedules::SchedulesCommand;
use crate::settings::{Inputs, table};

/// GatheRing: durable pipelines, on one binary and one PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "gathering", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server until SIGTERM or Ctrl-C
    Serve,
    /// Bring the database up to this release, and print what was applied
    Migrate,
    /// Watch a pipeline survive kill -9: a server, a PostgreSQL and a run of their own, gone at the end
    Demo(DemoArgs),
    /// Make, list and change users, also while the server runs
    #[command(subcommand)]
    User(UserCommand),
    /// Save schedules, look at them, pause them, fire them and draw their week, also while the server runs
    #[command(subcommand)]
    Schedules(SchedulesCommand),
    /// Look into the audit
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look at the keys that sign access tokens, and change them
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print every setting: value, default, unit and where it comes from
    Config(ConfigArgs),
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make an administrator; the password is asked for, or read from standard input where that is no terminal
    CreateAdmin {
        /// The address to log in with
        email: String,
    },
    /// Make a user; the password is asked for, or read from standard input where that is no terminal
    Create {
        /// The address to log in with
        email: String,
        /// What the user may do: admin, member or viewer
        #[arg(long, default_value_t = Role::Member)]
        role: Role,
    },
    /// Print all users, the youngest first
    List {
        /// Print JSON instead of columns
        #[arg(long)]
        json: bool,
    },
    /// Say what a user may do; where that changes, their sessions and API keys end
    SetRole {
        /// The address of the user
        email: String,
        /// admin, member or viewer
        role: Role,
    },
    /// Set a new password for a user, and end their sessions and API keys; it is asked for, or read from standard input
    SetPassword {
        /// The address of the user
        email: String,
    },
    /// Turn off the second factor of a user who has lost it; be sure of who asks
    RemoveSecondFactor {
        /// The address of the user
        email: String,
    },
    /// Keep a user from coming in, and end their sessions and API keys
    Disable {
        /// The address of the user
        email: String,
    },
    /// Let a user in again
    Enable {
        /// The address of the user
        email: String,
    },
    /// Print an invitation, with which somebody can register while registration is by invitation
    Invite {
        /// For this address only [default: for whoever has it]
        #[arg(long)]
        email: Option<String>,
        /// What the new user may do: admin, member or viewer
        #[arg(long, default_value_t = Role::Member)]
        role: Role,
        /// For how long, as in 12h or 7d, up to 90d [default: 7d]
        #[arg(long, value_name = "DURATION", value_parser = gathering::parse_duration)]
        expires_in: Option<std::time::Duration>,
    },
}

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Follow the chain of hashes, and say which rows were changed, removed or inserted: exit code 1 if any was
    Verify(VerifyArgs),
}

/// The flags of `gathering audit verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A row and its hash, as an earlier `verify` printed them: shows that nothing up to it was written anew since
    #[arg(long, value_name = "ROW:HASH", value_parser = expectation)]
    pub(crate) expect: Option<(i64, String)>,
}

fn expectation(text: &str) -> Result<(i64, String), String> {
    let shape = || "is no ROW:HASH, such as 17:9f86d081…: a number, and 64 hexadecimal digits".to_owned();
    let (row, hash) = text.split_once(':').ok_or_else(shape)?;
    let row = row.parse::<i64>().ok().filter(|row| *row >= 1).ok_or_else(shape)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| (row, hash.to_owned())).ok_or_else(shape)
}

/// What to do with the signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Print the keys, when they sign, and what they are good for
    List {
        /// Print JSON instead of columns
        #[arg(long)]
        json: bool,
    },
    /// Make the next key: published at once, it signs in ten minutes, when everybody who checks tokens knows it
    Rotate {
        /// Let it sign at once; whoever checks tokens by the published keys may refuse its tokens for five minutes
        #[arg(long)]
        now: bool,
    },
    /// Refuse every token that a key has signed, on every instance, as after a leak; where it signs, a new one takes its place
    Retire {
        /// The id of the key, as `gathering keys list` prints it
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: String,
    },
}

/// The flags of `gathering config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Print JSON instead of columns
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags that every subcommand takes; each wins over its variable and over the file.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// The configuration file [default: ./gathering.toml, where there is one]
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Where the server listens; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Where the embedded database lives
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// How log lines look: json or text
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Flags {
    /// Where the embedded database is to live, if the command line says so.
    pub(crate) fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref().map(Path::new)
    }

    /// These flags, and the variables of this process.
    pub(crate) fn into_inputs(self) -> Inputs {
        let flags = [
            (&table::LISTEN, self.listen),
            (&table::DATA_DIR, self.data_dir),
            (&table::LOG_FORMAT, self.log_format),
        ];
        let variables = std::env::vars_os()
            .map(|(name, text)| (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned()));
        Inputs {
            file: self.config,
            variables: variables.collect(),
            flags: flags
                .into_iter()
                .filter_map(|(setting, text)| Some((setting, text?)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_before_and_after_the_subcommand() {
        for line in [
            ["gathering", "--listen", "x:1", "serve"],
            ["gathering", "serve", "--listen", "x:1"],
        ] {
            let inputs = Cli::try_parse_from(line).unwrap().flags.into_inputs();
            assert_eq!(inputs.flags.len(), 1);
            assert_eq!(inputs.flags[0].1, "x:1");
        }
    }
}
