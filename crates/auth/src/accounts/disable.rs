//! Who may not come in any more, and may again.

use gathering_domain::UserId;
use gathering_persistence::sessions::EndReason;
use gathering_persistence::{sessions, users};
use tokio::time::Instant;

use super::sessions::{begin, commit};
use super::{Accounts, Client};
use crate::Error;
use crate::audit::{Action, Event};

impl Accounts {
    /// Keeps a user from coming in, and ends all sessions of theirs. `false` if there is no such user.
    pub async fn disable(&self, user: UserId, client: &Client) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let known = users::set_disabled(&tx, user, Some(self.clock.now())).await?;
        let ended = sessions::end_all(&tx, user, None, EndReason::UserDisabled).await?;
        let event = Event::done(Action::Disable).to(&user).if_done(known);
        self.note_in(&tx, event, client, self.clock.now()).await?;
        commit(tx).await?;
        self.revocations.add(ended, Instant::now());
        Ok(known)
    }

    /// Lets a user in again. `false` if there is no such user.
    pub async fn enable(&self, user: UserId, client: &Client) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let known = users::set_disabled(&tx, user, None).await?;
        let event = Event::done(Action::Enable).to(&user).if_done(known);
        self.note_in(&tx, event, client, self.clock.now()).await?;
        commit(tx).await?;
        Ok(known)
    }
}
