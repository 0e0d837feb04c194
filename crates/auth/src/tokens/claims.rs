//! What an access token says.

use gathering_domain::policy::Role;
use gathering_domain::{ProjectId, SessionId, UserId};
use serde::{Deserialize, Serialize};

/// The claims of an access token (RFC 9068), and what spares a request its queries: email and own project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Who issued it.
    pub(crate) iss: String,
    /// Whom it is meant for.
    pub(crate) aud: String,
    /// The user.
    pub(crate) sub: UserId,
    /// The session it belongs to.
    pub(crate) sid: SessionId,
    /// Its own id: 128 random bits, base64url.
    pub(crate) jti: String,
    /// Issued at, in seconds since 1970.
    pub(crate) iat: i64,
    /// Not valid before, in seconds since 1970.
    pub(crate) nbf: i64,
    /// Not valid from here on, in seconds since 1970.
    pub(crate) exp: i64,
    /// The user's email address.
    pub(crate) email: String,
    /// What the user is on this server. Whoever becomes something else loses the session.
    pub(crate) role: Role,
    /// The user's own project.
    pub(crate) project: ProjectId,
}

/// Whom a token is issued to.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The user.
    pub(crate) user_id: UserId,
    /// The session that the token opens.
    pub(crate) session_id: SessionId,
    /// The user's email address.
    pub(crate) email: String,
    /// What the user is on this server.
    pub(crate) role: Role,
    /// The user's own project.
    pub(crate) default_project_id: ProjectId,
}
