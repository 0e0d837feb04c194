//! A new password: whoever has the old one may set it, and everybody else who is in is out.

use gathering_domain::SessionId;
use gathering_persistence::sessions::EndReason;
use gathering_persistence::{sessions, users};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::sessions::{begin, by, commit};
use super::{Accounts, Identity};
use crate::Error;
use crate::audit::Action;
use crate::error::FieldProblem;
use crate::password::{self, normalized};

impl Accounts {
    /// Sets a new password and ends all other sessions of the caller.
    ///
    /// A wrong `current` one, and a `new` one that breaks a rule, are refused as [`Error::Invalid`].
    pub async fn change_password(
        &self,
        identity: &Identity,
        current: SecretString,
        new: SecretString,
    ) -> Result<(), Error> {
        let user = users::credentials_of(&self.connection().await?, identity.user_id).await?;
        let user = user
            .filter(|user| user.disabled_at.is_none())
            .ok_or(Error::UnknownUser(identity.user_id))?;
        let (current, new) = (normalized(current), normalized(new));
        let mut problems = Vec::new();
        if !self.hasher.matches(current, Some(&user.password_hash)).await? {
            let message = "This is not the present password.";
            problems.push(FieldProblem::new("current_password", "wrong", message));
        }
        problems.extend(
            password::problems(new.expose_secret(), &user.email).map(|problem| FieldProblem {
                field: "new_password",
                ..problem
            }),
        );
        if !problems.is_empty() {
            let event = by(identity, Action::ChangePassword).if_done(false);
            let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
            self.note(event.saying(&codes.join(", ")), &identity.client).await?;
            return Err(Error::Invalid { problems });
        }
        let hash = self.hasher.hash(new).await?;
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        if !users::replace_password_hash(&tx, user.id, &user.password_hash, &hash).await? {
            let message = "The password was changed by somebody else just now.";
            let problems = vec![FieldProblem::new("current_password", "wrong", message)];
            // Not two connections for one caller: where all wait for their second, nobody goes on.
            drop(tx);
            drop(connection);
            let event = by(identity, Action::ChangePassword).if_done(false);
            self.note(event.saying("changed by somebody else meanwhile"), &identity.client)
                .await?;
            return Err(Error::Invalid { problems });
        }
        let ended = sessions::end_all(&tx, user.id, identity.session_id(), EndReason::PasswordChanged).await?;
        self.note_in(
            &tx,
            by(identity, Action::ChangePassword),
            &identity.client,
            self.clock.now(),
        )
        .await?;
        commit(tx).await?;
        tracing::info!(user_id = %user.id, sessions = ended.len(), "password changed; the other sessions are ended");
        self.revocations
            .add(ended.into_iter().map(SessionId::as_uuid), Instant::now());
        Ok(())
    }
}
