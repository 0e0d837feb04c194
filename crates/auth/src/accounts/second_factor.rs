//! A second factor, in the hands of its user: begun, confirmed, looked at, renewed and ended.

mod passing;

use gathering_domain::{SessionId, UserId};
use gathering_persistence::second_factors::{self, LockedFactor};
use gathering_persistence::sessions::EndReason;
use gathering_persistence::users::Credentials;
use gathering_persistence::{Transaction, recovery_codes, sessions, users};
use secrecy::SecretString;
use serde::Serialize;
use tokio::time::Instant;

pub(super) use self::passing::{Passed, pass_in};
use self::passing::{Refused, try_in};
use super::sessions::{begin, by, commit};
use super::{Accounts, Identity, Operator};
use crate::Error;
use crate::audit::Action;
use crate::error::FieldProblem;
use crate::password::normalized;
use crate::second_factor::{RecoveryCodes, TotpEnrolment, generate, make};

/// The second factor of a user, as the user sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecondFactorState {
    /// Whether logins ask for it.
    pub enabled: bool,
    /// How many recovery codes were not used yet.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 10))]
    pub recovery_codes_left: i64,
}

impl Accounts {
    /// Whether logins of the caller ask for a second factor.
    pub async fn second_factor(&self, identity: &Identity) -> Result<SecondFactorState, Error> {
        let connection = self.connection().await?;
        Ok(SecondFactorState {
            enabled: second_factors::enabled_at(&connection, identity.user_id)
                .await?
                .is_some(),
            recovery_codes_left: recovery_codes::left(&connection, identity.user_id).await?,
        })
    }

    /// Begins to set up a second factor for the caller, who must know the password. Nothing changes until [`Accounts::confirm_totp`]; whoever
    /// begins anew before that gets another secret.
    pub async fn enrol_totp(&self, identity: &Identity, current: SecretString) -> Result<TotpEnrolment, Error> {
        let user = self.knowing(identity, current, Action::TotpEnrolled).await?;
        let (now, secret) = (self.clock.now(), generate(&*self.entropy));
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        lock_admission(&tx, &user).await?;
        if !second_factors::offer(&tx, user.id, &secret, now).await? {
            return Err(Error::TotpAlreadyEnabled);
        }
        self.note_in(&tx, by(identity, Action::TotpEnrolled), &identity.client, now)
            .await?;
        commit(tx).await?;
        Ok(TotpEnrolment::new(&secret, &user.email))
    }

    /// Turns the second factor on that was begun, by a code of it, and ends the other sessions of the caller: from now on nobody is in who has not
    /// shown it.
    pub async fn confirm_totp(&self, identity: &Identity, code: SecretString) -> Result<RecoveryCodes, Error> {
        let now = self.clock.now();
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        // A login that is under way may have found no second factor; its session is to be among those that end.
        if !users::keep_out_in(&tx, identity.user_id).await? {
            return Err(Error::UnknownUser(identity.user_id));
        }
        let factor = second_factors::lock_in(&tx, identity.user_id).await?;
        let factor = factor.ok_or(Error::TotpNotEnabled)?;
        if factor.enabled_at.is_some() {
            return Err(Error::TotpAlreadyEnabled);
        }
        let tx = self
            .passed(
                tx,
                Attempt {
                    identity,
                    factor: &factor,
                    code: &code,
                    action: Action::TotpEnabled,
                },
            )
            .await?;
        second_factors::enable(&tx, identity.user_id, now).await?;
        let (codes, hashes) = make(&*self.entropy);
        recovery_codes::replace(&tx, identity.user_id, &hashes, now).await?;
        let ended = sessions::end_all(&tx, identity.user_id, identity.session_id(), EndReason::Ended).await?;
        let event = by(identity, Action::TotpEnabled).saying(&format_args!("{} other sessions are ended", ended.len()));
        self.note_in(&tx, event, &identity.client, now).await?;
        commit(tx).await?;
        self.revocations
            .add(ended.into_iter().map(SessionId::as_uuid), Instant::now());
        tracing::info!(user_id = %identity.user_id, "second factor enabled; the other sessions are ended");
        Ok(RecoveryCodes(codes))
    }

    /// Turns the second factor of somebody off who has lost it. `false` if there is none. To be done for whom one knows to be the user.
    pub async fn remove_second_factor(&self, user: UserId, operator: Operator<'_>) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let removed = second_factors::delete(&tx, user).await?;
        let event = operator.event(Action::TotpDisabled).to(&user).if_done(removed);
        self.note_in(&tx, event, &operator.client(), self.clock.now()).await?;
        commit(tx).await?;
        Ok(removed)
    }

    /// Turns the second factor off. Takes the password, and a code or a recovery code.
    pub async fn disable_totp(
        &self,
        identity: &Identity,
        current: SecretString,
        code: SecretString,
    ) -> Result<(), Error> {
        let user = self.knowing(identity, current, Action::TotpDisabled).await?;
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let factor = lock_enabled(&tx, &user).await?;
        let tx = self
            .passed(
                tx,
                Attempt {
                    identity,
                    factor: &factor,
                    code: &code,
                    action: Action::TotpDisabled,
                },
            )
            .await?;
        second_factors::delete(&tx, user.id).await?;
        self.note_in(
            &tx,
            by(identity, Action::TotpDisabled),
            &identity.client,
            self.clock.now(),
        )
        .await?;
        commit(tx).await?;
        tracing::info!(user_id = %user.id, "second factor disabled");
        Ok(())
    }

    /// Makes new recovery codes; those before count no more. Takes the password, and a code or a recovery code.
    pub async fn renew_recovery_codes(
        &self,
        identity: &Identity,
        current: SecretString,
        code: SecretString,
    ) -> Result<RecoveryCodes, Error> {
        let user = self.knowing(identity, current, Action::RecoveryCodesRenewed).await?;
        let now = self.clock.now();
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let factor = lock_enabled(&tx, &user).await?;
        let tx = self
            .passed(
                tx,
                Attempt {
                    identity,
                    factor: &factor,
                    code: &code,
                    action: Action::RecoveryCodesRenewed,
                },
            )
            .await?;
        let (codes, hashes) = make(&*self.entropy);
        recovery_codes::replace(&tx, user.id, &hashes, now).await?;
        self.note_in(&tx, by(identity, Action::RecoveryCodesRenewed), &identity.client, now)
            .await?;
        commit(tx).await?;
        Ok(RecoveryCodes(codes))
    }

    /// The caller, if this is their password; else that is audited as a failure of `action`.
    async fn knowing(&self, identity: &Identity, current: SecretString, action: Action) -> Result<Credentials, Error> {
        let user = users::credentials_of(&self.connection().await?, identity.user_id).await?;
        let user = user
            .filter(|user| user.disabled_at.is_none())
            .ok_or(Error::UnknownUser(identity.user_id))?;
        if self
            .hasher
            .matches(normalized(current), Some(&user.password_hash))
            .await?
        {
            return Ok(user);
        }
        let event = by(identity, action).if_done(false).saying("wrong password");
        self.note(event, &identity.client).await?;
        Err(wrong_password())
    }

    /// Goes on with the transaction if the code counts; else commits what that changes.
    async fn passed<'a>(&self, tx: Transaction<'a>, attempt: Attempt<'_>) -> Result<Transaction<'a>, Error> {
        let Attempt { identity, action, .. } = attempt;
        let now = self.clock.now();
        match try_in(&tx, identity.user_id, attempt.factor, attempt.code, now).await? {
            Ok(Passed::ByRecoveryCode { left }) => {
                let event = by(identity, Action::RecoveryCodeUsed).saying(&format_args!("{left} left"));
                self.note_in(&tx, event, &identity.client, now).await?;
                Ok(tx)
            }
            Ok(Passed::ByCode | Passed::NotAsked) => Ok(tx),
            Err(refused) => {
                let event = by(identity, action).if_done(false).saying(refused.reason());
                self.note_in(&tx, event, &identity.client, now).await?;
                commit(tx).await?;
                Err(match refused {
                    Refused::Locked { .. } => refused.into(),
                    Refused::Missing | Refused::Wrong | Refused::Used => wrong_code(),
                })
            }
        }
    }
}

/// A code that somebody who is in shows, and what for.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    identity: &'a Identity,
    factor: &'a LockedFactor,
    code: &'a SecretString,
    action: Action,
}

/// The enabled second factor of a user who has shown the password.
async fn lock_enabled(tx: &Transaction<'_>, user: &Credentials) -> Result<LockedFactor, Error> {
    lock_admission(tx, user).await?;
    let factor = second_factors::lock_in(tx, user.id).await?;
    factor
        .filter(|factor| factor.enabled_at.is_some())
        .ok_or(Error::TotpNotEnabled)
}

/// Refuses whoever has shown what was the password a moment ago.
async fn lock_admission(tx: &Transaction<'_>, user: &Credentials) -> Result<(), Error> {
    let admitted = users::lock_admission_in(tx, user.id, &user.password_hash).await?;
    admitted.map(drop).ok_or_else(wrong_password)
}

fn wrong_password() -> Error {
    let problem = FieldProblem::new("current_password", "wrong", "This is not the present password.");
    Error::Invalid {
        problems: vec![problem],
    }
}

fn wrong_code() -> Error {
    let message = "This code is wrong, or was used already; wait for the next one, or use a recovery code.";
    Error::Invalid {
        problems: vec![FieldProblem::new("totp", "wrong", message)],
    }
}
