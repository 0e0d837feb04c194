//! Invitations: what strangers register with where not everybody may.

use std::time::Duration;

use gathering_domain::policy::{ProjectRole, Role, ServerAction};
use gathering_domain::{InvitationId, ProjectId, UserId};
use gathering_persistence::invitations::{self, InvitationRow};
use gathering_persistence::{Page, PageRequest, Transaction, project_members, users};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::confirming::needs_login;
use super::sessions::{begin, commit};
use super::{Accounts, Operator};
use crate::Error;
use crate::audit::Action;
use crate::email::EmailAddress;
use crate::error::FieldProblem;
use crate::tokens::{Kind, Opaque};

/// How long an invitation lasts when nobody says, and how long it may.
const USUAL_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 7);
const LEAST_LIFETIME: Duration = Duration::from_mins(1);
const LONGEST_LIFETIME: Duration = Duration::from_hours(24 * 90);

/// An invitation that somebody wants to make.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Whom it is for; `None` for whoever has it.
    pub email: Option<String>,
    /// What the new user will be on this server.
    pub role: Role,
    /// In which project besides their own, and as what.
    pub project: Option<(ProjectId, ProjectRole)>,
    /// How long it may be used: 1 minute to 90 days; `None` for 7 days.
    pub lifetime: Option<Duration>,
}

/// An invitation that was made. Its secret cannot be shown again.
#[derive(Debug, Clone)]
pub struct MadeInvitation {
    /// What the invited person registers with.
    pub secret: SecretString,
    /// What is known of it.
    pub about: Invitation,
}

/// An invitation, as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Whom it is for, lower-cased; null for whoever has it.
    pub email: Option<String>,
    /// What the new user will be on this server.
    pub role: Role,
    /// In which project besides their own.
    pub project_id: Option<ProjectId>,
    /// And as what.
    pub project_role: Option<ProjectRole>,
    /// Who made it; null for the command line.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it may be used.
    pub expires_at: Timestamp,
}

impl Accounts {
    /// Makes an invitation, which is good for one registration.
    pub async fn invite(&self, new: NewInvitation, operator: Operator<'_>) -> Result<MadeInvitation, Error> {
        let outcome = self.try_invite(new, operator).await;
        self.noting(outcome, || operator.event(Action::Invite), &operator.client())
            .await
    }

    async fn try_invite(&self, new: NewInvitation, operator: Operator<'_>) -> Result<MadeInvitation, Error> {
        if let Operator::User(identity) = operator {
            let owner = new.project.is_some_and(|(_, role)| role == ProjectRole::Owner);
            needs_login(identity, false, new.role == Role::Admin || owner)?;
        }
        let now = self.clock.now();
        let secret = Opaque::generate(Kind::Invitation, &*self.entropy);
        let (email_key, lifetime) = checked(&new)?;
        let row = InvitationRow {
            id: InvitationId::new(now, &*self.entropy),
            email_key,
            role: new.role,
            project: new.project,
            created_by: operator.user(),
            created_at: now,
            expires_at: now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
            used_at: None,
        };
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        users::lock_administration_in(&tx).await?;
        self.confirm_on_server_in(&tx, operator, ServerAction::ManageInvitations)
            .await?;
        if let Some((project, _)) = row.project
            && !project_members::project_exists(&tx, project).await?
        {
            let problem = FieldProblem::new("project_id", "unknown", "There is no such project.");
            return Err(Error::Invalid {
                problems: vec![problem],
            });
        }
        invitations::insert(&tx, &row, &secret.hash()).await?;
        let event = operator.event(Action::Invite).to(&row.id);
        let whom = row.email_key.as_deref().unwrap_or("whoever has it");
        let event = event.saying(&format_args!("{whom} as {}", row.role));
        self.note_in(&tx, event, &operator.client(), now).await?;
        commit(tx).await?;
        Ok(MadeInvitation {
            secret: secret.text(),
            about: row.into(),
        })
    }

    /// The invitations that may still be used, newest first.
    pub async fn invitations(&self, page: PageRequest) -> Result<Page<Invitation>, Error> {
        let connection = self.connection().await?;
        let found = invitations::open(&connection, self.clock.now(), page).await?;
        Ok(Page {
            items: found.items.into_iter().map(Invitation::from).collect(),
            next: found.next,
        })
    }

    /// An invitation that may still be used.
    pub async fn invitation(&self, id: InvitationId) -> Result<Option<Invitation>, Error> {
        let connection = self.connection().await?;
        let found = invitations::open_one(&connection, id, self.clock.now()).await?;
        Ok(found.map(Invitation::from))
    }

    /// Takes an invitation back; `false` if there is none that could still be used.
    pub async fn withdraw_invitation(&self, id: InvitationId, operator: Operator<'_>) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        users::lock_administration_in(&tx).await?;
        self.confirm_on_server_in(&tx, operator, ServerAction::ManageInvitations)
            .await?;
        let withdrawn = invitations::delete(&tx, id).await?;
        let event = operator.event(Action::WithdrawInvitation).to(&id).if_done(withdrawn);
        self.note_in(&tx, event, &operator.client(), self.clock.now()).await?;
        commit(tx).await?;
        Ok(withdrawn)
    }

    /// Uses an invitation up, if there is such a one for this address.
    pub(super) async fn use_invitation_in(
        &self,
        tx: &Transaction<'_>,
        secret: &SecretString,
        email: &EmailAddress,
    ) -> Result<InvitationRow, Error> {
        let now = self.clock.now();
        let unknown = || {
            let message =
                "This is no invitation that can be used: it is unknown, over, used already, or for somebody else.";
            let problems = vec![FieldProblem::new("invitation", "unknown", message)];
            Error::Invalid { problems }
        };
        let secret = Opaque::parse(Kind::Invitation, secret.expose_secret()).ok_or_else(unknown)?;
        let found = invitations::lock_in(tx, &secret.hash(), now).await?;
        let found = found
            .filter(|row| row.email_key.as_deref().is_none_or(|key| key == email.key()))
            .ok_or_else(unknown)?;
        invitations::use_up(tx, found.id, now).await?;
        Ok(found)
    }
}

/// The address as it is compared, and how long the invitation lasts.
fn checked(new: &NewInvitation) -> Result<(Option<String>, SignedDuration), Error> {
    let mut problems = Vec::new();
    let email = new.email.as_deref().map(EmailAddress::parse).transpose();
    problems.extend(email.as_ref().err().cloned());
    let usual = new.lifetime.is_none();
    let lifetime = new.lifetime.unwrap_or(LEAST_LIFETIME);
    if !(LEAST_LIFETIME..=LONGEST_LIFETIME).contains(&lifetime) {
        let message = "An invitation lasts 1 minute to 90 days.";
        problems.push(FieldProblem::new("expires_in", "invalid_value", message));
    }
    let lifetime = if usual {
        USUAL_LIFETIME
    } else {
        SignedDuration::try_from(lifetime).unwrap_or(USUAL_LIFETIME)
    };
    match email {
        Ok(email) if problems.is_empty() => Ok((email.map(|email| email.key().to_owned()), lifetime)),
        Ok(_) | Err(_) => Err(Error::Invalid { problems }),
    }
}

impl From<InvitationRow> for Invitation {
    fn from(row: InvitationRow) -> Self {
        Self {
            id: row.id,
            email: row.email_key,
            role: row.role,
            project_id: row.project.map(|(project, _)| project),
            project_role: row.project.map(|(_, role)| role),
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}
