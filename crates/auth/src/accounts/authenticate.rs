//! Who a request comes from: decided by its token alone, without a query.

use gathering_domain::{ProjectId, SessionId, UserId};
use jiff::Timestamp;

use super::Accounts;
use crate::Error;
use crate::tokens::{Claims, TokenError};

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
}

impl Accounts {
    /// Checks an access token.
    ///
    /// Runs no query, unless the token names a signing key that another instance may have made since the keys were read.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Error> {
        match self.verify(token) {
            Err(TokenError::UnknownKey) => {
                self.keys.reload_for_unknown().await?;
                Ok(self.verify(token)?)
            }
            outcome => Ok(outcome?),
        }
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
        }
    }
}
