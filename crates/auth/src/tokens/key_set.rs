//! The signing keys of one database as they were last read: one signs, all that may still be met verify.

use jiff::Timestamp;
use serde::Serialize;

use super::error::{KeyError, TokenError};
use super::key::Key;

/// The public keys in the form in which they are published (RFC 7517): what `/.well-known/jwks.json` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Jwks {
    /// The keys that may have signed a token that is still valid.
    pub keys: Vec<Jwk>,
}

/// One public Ed25519 key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Jwk {
    /// Always `OKP`.
    pub kty: &'static str,
    /// Always `Ed25519`.
    pub crv: &'static str,
    /// Always `EdDSA`.
    pub alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// The key's id, as tokens name it: its thumbprint (RFC 7638).
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
}

/// Some keys, youngest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// Orders the keys, so that every instance picks the same one to sign.
    pub(crate) fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_by(|a, b| (b.created_at, &b.kid).cmp(&(a.created_at, &a.kid)));
        Self { keys }
    }

    /// The key that signs: the youngest that is not retired.
    pub(crate) fn signing(&self) -> Result<&Key, KeyError> {
        self.keys.iter().find(|key| key.signs()).ok_or(KeyError::NoneActive)
    }

    /// The key that a token names, if it is valid at `now`.
    pub(crate) fn verifying(&self, kid: &str, now: Timestamp) -> Result<&Key, TokenError> {
        let named = self.keys.iter().find(|key| key.kid == kid);
        named.filter(|key| key.verifies(now)).ok_or(TokenError::UnknownKey)
    }

    /// The public halves of all keys that verify at `now`.
    pub(crate) fn jwks(&self, now: Timestamp) -> Jwks {
        let keys = self
            .keys
            .iter()
            .filter(|key| key.verifies(now))
            .map(published)
            .collect();
        Jwks { keys }
    }
}

fn published(key: &Key) -> Jwk {
    Jwk {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        usage: "sig",
        kid: key.kid.clone(),
        x: key.public.clone(),
    }
}
