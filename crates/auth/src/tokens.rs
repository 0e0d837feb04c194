//! Access tokens: signed JWTs (`EdDSA`) that carry all an authenticated request needs, so that checking one runs no query.

mod claims;
mod error;
mod key;
mod key_ring;
mod key_set;
mod opaque;
mod provider;
mod refresh;
mod rules;

#[cfg(test)]
mod attack_tests;

pub use error::{KeyError, TokenError};
pub use key_set::{Jwk, Jwks};

pub(crate) use claims::{Claims, Subject};
pub(crate) use key_ring::{KeyRing, lock_in, make_in, read_row, still_verifying};
pub(crate) use key_set::KeySet;
pub(crate) use opaque::{Kind, Opaque};
pub(crate) use refresh::RefreshToken;
pub(crate) use rules::{MAX_LIFETIME, TokenRules, sign};
