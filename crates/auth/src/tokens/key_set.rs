//! The signing keys of one database as they were last read: one signs, all that may still be met verify.

use gathering_domain::signing_key::{KeyState, KeyTimes, KeyTurns};
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

/// Some keys, in the order in which their turn to sign comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
    times: Vec<KeyTimes>,
}

impl KeySet {
    /// Orders the keys, so that every instance picks the same one to sign.
    pub(crate) fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_by(|a, b| (a.times.turn(), &a.kid).cmp(&(b.times.turn(), &b.kid)));
        let times = keys.iter().map(|key| key.times).collect();
        Self { keys, times }
    }

    /// What decides whose turn it is.
    pub(crate) fn turns(&self) -> KeyTurns<'_> {
        KeyTurns::new(&self.times)
    }

    /// The key that signs at `now`.
    pub(crate) fn signing(&self, now: Timestamp) -> Result<&Key, KeyError> {
        let signing = self.turns().signing(now);
        signing.map(|index| &self.keys[index]).ok_or(KeyError::NoneActive)
    }

    /// The key that is published, and signs later.
    pub(crate) fn waiting(&self, now: Timestamp) -> Option<&Key> {
        self.turns().waiting(now).map(|index| &self.keys[index])
    }

    /// All keys with what they are good for at `now`.
    pub(crate) fn states(&self, now: Timestamp) -> impl Iterator<Item = (&Key, KeyState)> {
        let turns = self.turns();
        let states = self.keys.iter().enumerate();
        states.map(move |(index, key)| (key, turns.state(index, now)))
    }

    /// The ids of those of which no token can be alive.
    pub(crate) fn forgettable(&self, now: Timestamp) -> Vec<&str> {
        let turns = self.turns();
        let keys = self.keys.iter().enumerate();
        keys.filter(|(index, _)| turns.is_forgettable(*index, now))
            .map(|(_, key)| key.kid.as_str())
            .collect()
    }

    /// The key that a token names, if it is valid at `now`.
    pub(crate) fn verifying(&self, kid: &str, now: Timestamp) -> Result<&Key, TokenError> {
        let named = self.keys.iter().position(|key| key.kid == kid);
        let named = named.filter(|index| self.turns().state(*index, now).verifies());
        named.map(|index| &self.keys[index]).ok_or(TokenError::UnknownKey)
    }

    /// The public halves of all keys that verify at `now`.
    pub(crate) fn jwks(&self, now: Timestamp) -> Jwks {
        let verifying = self.states(now).filter(|(_, state)| state.verifies());
        let mut keys: Vec<Jwk> = verifying.map(|(key, _)| published(key)).collect();
        // The youngest first: most tokens name it.
        keys.reverse();
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
