//! Opening an account: the same answer, after the same work, whether the address has one or not.

use std::fmt;

use gathering_domain::name::{NameProblem, check_name};
use gathering_domain::policy::Role;
use gathering_domain::{ProjectId, UserId};
use gathering_persistence::users::{NewUser, PasswordHash};
use gathering_persistence::{Transaction, project_members, users};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::projects::insert_in as insert_project_in;
use super::sessions::{begin, commit};
use super::{Accounts, Client};
use crate::audit::{Action, Event};
use crate::email::EmailAddress;
use crate::error::{Error, FieldProblem};
use crate::password::{self, normalized};

/// What a user's own project is called at first.
const OWN_PROJECT: &str = "Personal";

/// Who may open an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Everybody.
    Open,
    /// Those who were invited.
    Invite,
    /// Nobody; an administrator makes the accounts.
    Closed,
}

impl fmt::Display for RegistrationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Invite => "by invitation only",
            Self::Closed => "closed",
        })
    }
}

/// An account whose fields are checked and whose password is hashed, ready to be written.
#[derive(Debug, Clone)]
pub struct PreparedAccount {
    email: EmailAddress,
    name: Option<String>,
    password_hash: PasswordHash,
    role: Role,
}

impl PreparedAccount {
    /// What the user is to be on this server; a member, if nobody says.
    #[must_use]
    pub fn with_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// The address, as the user wrote it.
    pub fn email(&self) -> &str {
        self.email.as_str()
    }
}

/// What a stranger sends to open an account.
#[derive(Debug, Clone)]
pub struct Registration<'a> {
    /// The address that will be logged in with.
    pub email: &'a str,
    /// 15 to 128 characters.
    pub password: SecretString,
    /// How the user wants to be called.
    pub name: Option<&'a str>,
    /// The secret of an invitation. It is needed where registration is by invitation only, and says elsewhere what the user will be.
    pub invitation: Option<SecretString>,
}

impl Accounts {
    /// Opens an account for a stranger, with a project of its own.
    ///
    /// Where the address has an account nothing changes, and neither the answer nor the time it takes tells so.
    pub async fn register(&self, email: &str, password: SecretString, name: Option<&str>) -> Result<(), Error> {
        let registration = Registration {
            email,
            password,
            name,
            invitation: None,
        };
        self.register_from(registration, &Client::default()).await
    }

    /// The same, perhaps with an invitation, and with what the audit is to say of who asks.
    ///
    /// An invitation is used up also where the address has an account: that it could be used again would tell.
    pub async fn register_from(&self, registration: Registration<'_>, client: &Client) -> Result<(), Error> {
        let email = EmailAddress::parse(registration.email).ok();
        let event = || match &email {
            Some(email) => Event::done(Action::Register).to(email.as_str()),
            None => Event::done(Action::Register),
        };
        let outcome = self.try_register(registration, client).await;
        self.noting(outcome, event, client).await
    }

    async fn try_register(&self, registration: Registration<'_>, client: &Client) -> Result<(), Error> {
        let Registration {
            email,
            password,
            name,
            invitation,
        } = registration;
        self.check_open(invitation.is_some())?;
        let account = self.prepare(email, password, name).await?;
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let invited = match &invitation {
            Some(secret) => Some(self.use_invitation_in(&tx, secret, &account.email).await?),
            None => None,
        };
        let role = invited.as_ref().map_or(Role::Member, |invitation| invitation.role);
        let account = account.with_role(role);
        let user = self.insert_in(&tx, &account).await?;
        if let (Some(user), Some((project, role))) = (user, invited.and_then(|invitation| invitation.project)) {
            project_members::put(&tx, project, user, role, self.clock.now()).await?;
        }
        let event = Event::done(Action::Register).to(account.email.as_str());
        let event = match user {
            Some(user) => event.by(user, None),
            None => event.if_done(false).saying("the address has an account"),
        };
        self.note_in(&tx, event, client, self.clock.now()).await?;
        commit(tx).await
    }

    fn check_open(&self, invited: bool) -> Result<(), Error> {
        match self.registration {
            RegistrationMode::Open => Ok(()),
            RegistrationMode::Invite if invited => Ok(()),
            mode @ (RegistrationMode::Invite | RegistrationMode::Closed) => Err(Error::RegistrationClosed { mode }),
        }
    }

    /// Checks the fields of an account and hashes its password, whatever the registration mode.
    pub async fn prepare(
        &self,
        email: &str,
        password: SecretString,
        name: Option<&str>,
    ) -> Result<PreparedAccount, Error> {
        let password = normalized(password);
        let (email, name) = checked(email, &password, name)?;
        let password_hash = self.hasher.hash(password).await?;
        Ok(PreparedAccount {
            email,
            name,
            password_hash,
            role: Role::Member,
        })
    }

    /// Writes a prepared account and its project in the caller's transaction; none where the address has one already.
    pub async fn insert_in(&self, tx: &Transaction<'_>, account: &PreparedAccount) -> Result<Option<UserId>, Error> {
        let now = self.clock.now();
        let (user, project) = (UserId::new(now, &*self.entropy), ProjectId::new(now, &*self.entropy));
        let new_user = NewUser {
            id: user,
            email: account.email.as_str(),
            email_key: account.email.key(),
            name: account.name.as_deref(),
            password_hash: &account.password_hash,
            role: account.role,
            default_project_id: project,
            created_at: now,
        };
        if !users::insert_if_absent(tx, &new_user).await? {
            tracing::info!("registration for an address that has an account already");
            return Ok(None);
        }
        insert_project_in(tx, project, OWN_PROJECT, user, now).await?;
        tracing::info!(user_id = %user, "registered");
        Ok(Some(user))
    }
}

/// All broken rules at once, or the fields as they are stored.
fn checked(email: &str, password: &SecretString, name: Option<&str>) -> Result<(EmailAddress, Option<String>), Error> {
    let address = EmailAddress::parse(email);
    let name = name.map(str::trim);
    let mut problems = Vec::new();
    problems.extend(address.as_ref().err().cloned());
    problems.extend(password::problems(password.expose_secret(), email.trim()));
    problems.extend(name.and_then(name_problem));
    match address {
        Ok(address) if problems.is_empty() => Ok((address, name.map(str::to_owned))),
        Ok(_) | Err(_) => Err(Error::Invalid { problems }),
    }
}

fn name_problem(name: &str) -> Option<FieldProblem> {
    let problem = check_name(name).err()?;
    let code = match problem {
        NameProblem::Empty => "too_short",
        NameProblem::TooLong => "too_long",
        NameProblem::Unseen { .. } => "invalid_characters",
    };
    let message = match problem {
        NameProblem::Empty => "A name has at least one character; leave it out if there is none.".to_owned(),
        NameProblem::TooLong | NameProblem::Unseen { .. } => format!("A name {problem}."),
    };
    Some(FieldProblem::new("name", code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(email: &str, password: &str, name: Option<&str>) -> Vec<(&'static str, &'static str)> {
        match checked(email, &password.into(), name) {
            Err(Error::Invalid { problems }) => problems.iter().map(|p| (p.field, p.code)).collect(),
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    #[test]
    fn all_broken_rules_are_named_at_once() {
        let found = codes("nobody", "short", Some("a\nb"));
        assert_eq!(
            found,
            [
                ("email", "invalid_format"),
                ("password", "too_short"),
                ("name", "invalid_characters")
            ]
        );
    }

    #[test]
    fn a_name_may_be_missing_but_not_blank_or_endless() {
        let password = "a few unrelated words";
        assert!(codes("a@b.c", password, None).is_empty());
        assert_eq!(codes("a@b.c", password, Some("  ")), [("name", "too_short")]);
        assert_eq!(codes("a@b.c", password, Some(&"x".repeat(201))), [("name", "too_long")]);
        assert!(codes("a@b.c", password, Some(&"ü".repeat(200))).is_empty());
    }
}
