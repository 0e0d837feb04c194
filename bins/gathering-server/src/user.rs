//! `gathering user`: makes, lists and changes users on the command line, for whoever has the settings of the server.

use std::io::{self, IsTerminal as _, Write};

use gathering::{Accounts, Error, NewInvitation, Operator, PageRequest, Role, User, UserId};
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::UserCommand;
use crate::columns::{Room, aligned};
use crate::database::Database;
use crate::failure::Failure;
use crate::settings::Settings;

/// How many users are read at once.
const PART: u32 = 200;
/// The longest password that is read: a multiple of what is accepted, so that a longer one is refused as that.
const MAX_LINE: u64 = 4096;

/// Does what the command says, and prints what came of it.
pub(crate) async fn run(settings: &Settings, command: UserCommand) -> Result<(), Failure> {
    // Asked for before anything is started.
    let password = match &command {
        UserCommand::CreateAdmin { .. } | UserCommand::Create { .. } | UserCommand::SetPassword { .. } => {
            Some(password()?)
        }
        UserCommand::List { .. }
        | UserCommand::SetRole { .. }
        | UserCommand::RemoveSecondFactor { .. }
        | UserCommand::Disable { .. }
        | UserCommand::Enable { .. }
        | UserCommand::Invite { .. } => None,
    };
    let database = match command {
        UserCommand::CreateAdmin { .. } | UserCommand::Create { .. } | UserCommand::Invite { .. } => {
            Database::open(settings).await?.0
        }
        // There is nobody to be found in a database that is not there yet.
        UserCommand::List { .. }
        | UserCommand::SetRole { .. }
        | UserCommand::SetPassword { .. }
        | UserCommand::RemoveSecondFactor { .. }
        | UserCommand::Disable { .. }
        | UserCommand::Enable { .. } => Database::open_existing(settings).await?,
    };
    let done = match database.gathering(Failure::Start).await {
        Ok(gathering) => change(gathering.as_operator(), command, password.unwrap_or_default()).await,
        Err(failure) => Err(failure),
    };
    database.close().await;
    let text = done?;
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|source| Failure::System {
        action: "write to standard output",
        source,
    })
}

/// Gives what is to be printed.
async fn change(accounts: &Accounts, command: UserCommand, password: SecretString) -> Result<String, Failure> {
    let operator = Operator::CommandLine;
    match command {
        UserCommand::CreateAdmin { email } => create(accounts, &email, password, Role::Admin).await,
        UserCommand::Create { email, role } => create(accounts, &email, password, role).await,
        UserCommand::List { json } => list(accounts, json).await,
        UserCommand::SetRole { email, role } => {
            let user = find(accounts, &email).await?;
            accounts.set_role(user, role, operator).await.map_err(refused)?;
            Ok(format!("{email} is {role} now\n"))
        }
        UserCommand::SetPassword { email } => {
            let user = find(accounts, &email).await?;
            let set = accounts.reset_password(user, password, operator).await;
            set.map_err(refused)?;
            Ok(format!(
                "{email} has a new password; all sessions and API keys have ended\n"
            ))
        }
        UserCommand::RemoveSecondFactor { email } => {
            let user = find(accounts, &email).await?;
            let removed = accounts.remove_second_factor(user, operator).await.map_err(refused)?;
            let has = if removed {
                "has no second factor any more"
            } else {
                "had no second factor"
            };
            Ok(format!("{email} {has}\n"))
        }
        UserCommand::Disable { email } => {
            let user = find(accounts, &email).await?;
            accounts.disable(user, operator).await.map_err(refused)?;
            Ok(format!("{email} may not come in any more\n"))
        }
        UserCommand::Enable { email } => {
            let user = find(accounts, &email).await?;
            accounts.enable(user, operator).await.map_err(refused)?;
            Ok(format!("{email} may come in again\n"))
        }
        UserCommand::Invite {
            email,
            role,
            expires_in,
        } => {
            let new = NewInvitation {
                email,
                role,
                project: None,
                lifetime: expires_in,
            };
            let made = accounts.invite(new, operator).await.map_err(refused)?;
            // Alone, for scripts: who it is for, and until when, `GET /api/v1/invitations` tells.
            Ok(format!("{}\n", made.secret.expose_secret()))
        }
    }
}

async fn create(accounts: &Accounts, email: &str, password: SecretString, role: Role) -> Result<String, Failure> {
    let user = accounts
        .create_user(email, password, role, Operator::CommandLine)
        .await
        .map_err(refused)?;
    Ok(format!("{email} is {role} now, with the id {user}\n"))
}

async fn find(accounts: &Accounts, email: &str) -> Result<UserId, Failure> {
    let found = accounts.user_by_email(email).await.map_err(refused)?;
    let unknown = || Failure::NoUser {
        email: email.to_owned(),
    };
    Ok(found.ok_or_else(unknown)?.id)
}

async fn list(accounts: &Accounts, json: bool) -> Result<String, Failure> {
    let mut users = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: PART, after };
        let part = accounts.users(page).await.map_err(refused)?;
        users.extend(part.items);
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    if json {
        return Ok(format!("{:#}\n", serde_json::json!(users)));
    }
    Ok(table(&users, Room::of_stdout()))
}

fn table(users: &[User], room: Room) -> String {
    let mut rows = vec![["EMAIL", "ROLE", "STATUS", "SINCE", "ID"].map(str::to_owned)];
    for user in users {
        let status = if user.disabled_at.is_some() {
            "disabled"
        } else {
            "active"
        };
        let since = user.created_at.strftime("%Y-%m-%d").to_string();
        rows.push([
            room.fit(&user.email),
            user.role.to_string(),
            status.to_owned(),
            since,
            user.id.to_string(),
        ]);
    }
    aligned(&rows)
}

/// What was wrong, in one line for each problem.
fn refused(error: impl Into<Error>) -> Failure {
    let error = error.into();
    if let Error::InvalidRequest { problems } = &error {
        let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        return Failure::Refused(messages.join(" "));
    }
    Failure::User(error)
}

/// The password: typed twice and not shown on a terminal, else the first line of standard input. Never an argument, which everybody on the
/// machine can read.
fn password() -> Result<SecretString, Failure> {
    let system = |source| Failure::System {
        action: "read the password",
        source,
    };
    if !io::stdin().is_terminal() {
        return first_line(io::stdin().lock()).map_err(system);
    }
    let first = SecretString::from(rpassword::prompt_password("password: ").map_err(system)?);
    let again = SecretString::from(rpassword::prompt_password("once more: ").map_err(system)?);
    if first.expose_secret() == again.expose_secret() {
        return Ok(first);
    }
    Err(Failure::Refused("the two passwords are not the same".to_owned()))
}

fn first_line(input: impl io::BufRead) -> io::Result<SecretString> {
    let mut line = String::new();
    io::BufRead::read_line(&mut io::Read::take(input, MAX_LINE), &mut line)?;
    Ok(SecretString::from(line.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_first_line_without_its_end_and_nothing_else_is_cut_off() {
        for (input, wanted) in [
            ("a few words\n", "a few words"),
            ("a few words\r\nmore\n", "a few words"),
            (" a few words ", " a few words "),
            ("", ""),
        ] {
            assert_eq!(first_line(input.as_bytes()).unwrap().expose_secret(), wanted);
        }
    }
}
