//! Use cases of second factors: set one up, look at it, end it.

use gathering_auth::{Identity, RecoveryCodes, SecondFactorState, TotpEnrolment};
use gathering_domain::policy::AccountAction;
use secrecy::SecretString;

use crate::{Error, Gathering};

impl Gathering {
    /// Whether logins of the caller ask for a second factor.
    pub async fn second_factor(&self, identity: &Identity) -> Result<SecondFactorState, Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSecondFactor).await?;
        Ok(self.accounts.with(&proof).second_factor(identity).await?)
    }

    /// Begins to set one up: what the caller's authenticator app is to be told.
    pub async fn enrol_totp(&self, identity: &Identity, current: SecretString) -> Result<TotpEnrolment, Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSecondFactor).await?;
        Ok(self.accounts.with(&proof).enrol_totp(identity, current).await?)
    }

    /// Turns it on by a code of it, and ends the caller's other sessions.
    pub async fn confirm_totp(&self, identity: &Identity, code: SecretString) -> Result<RecoveryCodes, Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSecondFactor).await?;
        Ok(self.accounts.with(&proof).confirm_totp(identity, code).await?)
    }

    /// Turns it off.
    pub async fn disable_totp(
        &self,
        identity: &Identity,
        current: SecretString,
        code: SecretString,
    ) -> Result<(), Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSecondFactor).await?;
        Ok(self.accounts.with(&proof).disable_totp(identity, current, code).await?)
    }

    /// Puts new recovery codes in the place of the old ones.
    pub async fn renew_recovery_codes(
        &self,
        identity: &Identity,
        current: SecretString,
        code: SecretString,
    ) -> Result<RecoveryCodes, Error> {
        let proof = self.may_on_account(identity, AccountAction::ManageSecondFactor).await?;
        Ok(self
            .accounts
            .with(&proof)
            .renew_recovery_codes(identity, current, code)
            .await?)
    }
}
