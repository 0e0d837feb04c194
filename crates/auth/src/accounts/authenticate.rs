//! Who a request comes from: decided by its token, and by what is known of ended sessions, without a query.

use std::time::Duration;

use gathering_domain::policy::{Actor, Key, Role, Scopes};
use gathering_domain::{ApiKeyId, ProjectId, SessionId, UserId};
use gathering_persistence::sessions;
use jiff::Timestamp;
use tokio::time::Instant;

use super::revocations::Standing;
use super::{Accounts, Client};
use crate::Error;
use crate::tokens::{Claims, Kind, TokenError};

/// How long the database may take to say whether a session has ended. Nobody comes in meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who a request comes from, as its access token or API key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user_id: UserId,
    /// The user's address when the token was issued.
    pub email: String,
    /// What the user is on this server.
    pub role: Role,
    /// The user's own project, meant wherever none is named.
    pub default_project_id: ProjectId,
    /// What the user came in with.
    pub credential: Credential,
    /// When that expires.
    pub expires_at: Timestamp,
    /// Who sent it, for the audit.
    pub client: Client,
}

/// What somebody came in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An access token.
    Session {
        /// The session that the login opened.
        id: SessionId,
        /// The token's own id (`jti`).
        token_id: String,
    },
    /// An API key.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// What it is for.
        scopes: Scopes,
        /// The only project that it is for.
        project_id: Option<ProjectId>,
    },
}

impl Credential {
    /// As what it stands in the audit: the id of the session, or of the key.
    pub(crate) fn in_audit(&self) -> SessionId {
        match self {
            Self::Session { id, .. } => *id,
            Self::ApiKey { id, .. } => id.as_uuid().into(),
        }
    }
}

impl Identity {
    /// The session, if the user came in with an access token.
    pub fn session_id(&self) -> Option<SessionId> {
        match &self.credential {
            Credential::Session { id, .. } => Some(*id),
            Credential::ApiKey { .. } => None,
        }
    }

    /// The only project that the API key is for, if there is such a one.
    pub fn confined_to(&self) -> Option<ProjectId> {
        match &self.credential {
            Credential::Session { .. } => None,
            Credential::ApiKey { project_id, .. } => *project_id,
        }
    }

    /// Who asks, as far as it matters to what may be done.
    pub fn actor(&self) -> Actor {
        let key = match &self.credential {
            Credential::Session { .. } => None,
            Credential::ApiKey { scopes, project_id, .. } => Some(Key {
                scopes: *scopes,
                confined: project_id.is_some(),
            }),
        };
        Actor { role: self.role, key }
    }
}

impl Accounts {
    /// Checks an access token or an API key.
    ///
    /// Runs no query, unless the token names a signing key that another instance may have made since the keys were read, the API key was
    /// not used here for some minutes, or this instance cannot be sure which sessions have ended. Where the database then does not answer,
    /// nobody comes in; but what is known to have ended is refused as that.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Error> {
        if token.starts_with(Kind::ApiKey.prefix()) {
            return self.authenticate_key(token).await;
        }
        let (identity, session) = match self.verify(token) {
            Err(TokenError::UnknownKey) => {
                self.keys.reload_for_unknown().await?;
                self.verify(token)?
            }
            outcome => outcome?,
        };
        let counts = match self.revocations.standing(session.as_uuid(), Instant::now()) {
            Standing::Open => true,
            Standing::Ended => false,
            Standing::Unknown => {
                let counts = self.asked(session).await?;
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

    async fn asked(&self, session: SessionId) -> Result<bool, Error> {
        let user = patiently(async {
            let connection = self.connection().await?;
            self.keys.catch_up(&connection).await?;
            Ok(sessions::user(&connection, session, self.clock.now()).await?)
        });
        Ok(user.await?.is_some())
    }

    fn verify(&self, token: &str) -> Result<(Identity, SessionId), TokenError> {
        let claims = self.rules.verify(&self.keys.keys(), token, self.clock.now())?;
        let session = claims.sid;
        Ok((claims.into(), session))
    }
}

/// What the database says of a credential, if it says so in time.
pub(super) async fn patiently<T>(asking: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let silent = || gathering_persistence::Error::Unavailable(": no answer in time".to_owned());
    let answered = tokio::time::timeout(PATIENCE, asking).await;
    answered.unwrap_or_else(|_elapsed| Err(silent().into()))
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Self {
        Self {
            user_id: claims.sub,
            email: claims.email,
            role: claims.role,
            default_project_id: claims.project,
            credential: Credential::Session {
                id: claims.sid,
                token_id: claims.jti,
            },
            // Only a time that no clock reaches cannot be represented.
            expires_at: Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MAX),
            client: Client::default(),
        }
    }
}
