//! Who a request comes from: decided by its token, and by what is known of ended sessions, without a query.

use std::time::Duration;

use gathering_domain::{ProjectId, SessionId, UserId};
use gathering_persistence::sessions;
use jiff::Timestamp;
use tokio::time::Instant;

use super::revocations::Standing;
use super::{Accounts, Client};
use crate::Error;
use crate::tokens::{Claims, TokenError};

/// How long the database may take to say whether a session has ended. Nobody comes in meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who a request comes from, as its access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user_id: UserId,
    /// The user's address when the token was issued.
    pub email: String,
    /// The user's own project, meant wherever none is named.
    pub default_project_id: ProjectId,
    /// The session that the login opened.
    pub session_id: SessionId,
    /// The token's own id (`jti`).
    pub token_id: String,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// Who sent it, for the audit.
    pub client: Client,
}

impl Accounts {
    /// Checks an access token.
    ///
    /// Runs no query, unless the token names a signing key that another instance may have made since the keys were read, or this instance
    /// cannot be sure which sessions have ended. Where the database then does not answer, nobody comes in; but what is known to have ended
    /// is refused as that.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Error> {
        let identity = match self.verify(token) {
            Err(TokenError::UnknownKey) => {
                self.keys.reload_for_unknown().await?;
                self.verify(token)?
            }
            outcome => outcome?,
        };
        let counts = match self.revocations.standing(identity.session_id, Instant::now()) {
            Standing::Open => true,
            Standing::Ended => false,
            Standing::Unknown => {
                let counts = self.asked(&identity).await?;
                // Its key may have been retired meanwhile.
                self.verify(token)?;
                counts
            }
        };
        if counts {
            Ok(identity)
        } else {
            Err(TokenError::Revoked.into())
        }
    }

    /// The same, with what the audit is to say of who asks.
    pub async fn authenticate_from(&self, token: &str, client: Client) -> Result<Identity, Error> {
        let identity = self.authenticate(token).await?;
        Ok(Identity { client, ..identity })
    }

    async fn asked(&self, identity: &Identity) -> Result<bool, Error> {
        let looking = async {
            let connection = self.connection().await?;
            self.keys.catch_up(&connection).await?;
            Ok(sessions::user(&connection, identity.session_id, self.clock.now()).await?)
        };
        let silent = || gathering_persistence::Error::Unavailable(": no answer in time".to_owned());
        let user: Result<_, Error> = tokio::time::timeout(PATIENCE, looking)
            .await
            .unwrap_or_else(|_elapsed| Err(silent().into()));
        Ok(user?.is_some())
    }

    fn verify(&self, token: &str) -> Result<Identity, TokenError> {
        self.rules
            .verify(&self.keys.keys(), token, self.clock.now())
            .map(Identity::from)
    }
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Self {
        Self {
            user_id: claims.sub,
            email: claims.email,
            default_project_id: claims.project,
            session_id: claims.sid,
            token_id: claims.jti,
            // Only a time that no clock reaches cannot be represented.
            expires_at: Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MAX),
            client: Client::default(),
        }
    }
}
