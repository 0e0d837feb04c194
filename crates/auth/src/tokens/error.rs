//! Why a token was refused, and why a signing key cannot be used.

/// Why an access token was refused.
///
/// The client is told only that its token is invalid; this is for the log and for tests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT in compact form, or longer than any that is issued here.
    #[error("the access token is not a well-formed JWT; log in for a new one")]
    Malformed,
    /// The header's `typ` is not `at+jwt`: some other kind of token is used as an access token.
    #[error("the token is no access token: its typ is not at+jwt")]
    WrongType,
    /// The header names another algorithm than `EdDSA`, or none.
    #[error("the access token is not signed with EdDSA")]
    WrongAlgorithm,
    /// The header marks an extension as critical, and none is understood here.
    #[error("the access token demands an extension that is not understood (crit)")]
    CriticalExtension,
    /// The header names no key, one that was never valid here, or one retired for good.
    #[error("the access token names no valid signing key of this database")]
    UnknownKey,
    /// The signature does not fit header and claims.
    #[error("the access token's signature is wrong")]
    WrongSignature,
    /// A claim is missing or has the wrong form.
    #[error("a claim of the access token is missing or malformed")]
    InvalidClaims,
    /// Issued by someone else.
    #[error("the access token was issued by another issuer")]
    WrongIssuer,
    /// Meant for someone else.
    #[error("the access token is meant for another audience")]
    WrongAudience,
    /// Its time is over.
    #[error("the access token has expired; log in for a new one")]
    Expired,
    /// Its session has ended.
    #[error("the session of the access token has ended; log in again")]
    Revoked,
    /// Its time has not begun.
    #[error("the access token is not valid yet; compare the clocks of the instances")]
    NotYetValid,
}

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The stored bytes are no Ed25519 private key in PKCS#8.
    #[error("signing key {kid} is no Ed25519 key in PKCS#8; retire it in the table signing_keys")]
    Unreadable {
        /// The key's id.
        kid: String,
    },
    /// The id is not the thumbprint of the key stored under it.
    #[error("signing key {kid} is stored under an id that is not its thumbprint; retire it in the table signing_keys")]
    WrongId {
        /// The id it is stored under.
        kid: String,
    },
    /// Every key is retired, so nothing can be signed.
    #[error("no signing key is active; make one with Accounts::rotate_keys (`gathering keys rotate`)")]
    NoneActive,
    /// Signing failed.
    #[error("signing key {kid} cannot sign an access token")]
    Sign {
        /// The key's id.
        kid: String,
        /// What `jsonwebtoken` said.
        source: jsonwebtoken::errors::Error,
    },
}
