//! How a token is made and what it must satisfy (RFC 8725): pure functions of keys, claims and time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gathering_domain::Entropy;
use gathering_domain::signing_key::{LEEWAY, LONGEST_TOKEN};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::errors::{Error as JwtError, ErrorKind};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use secrecy::SecretString;

use super::claims::{Claims, Subject};
use super::error::{KeyError, TokenError};
use super::key_set::KeySet;
use super::provider;

/// The longest that an access token may live.
pub(crate) const MAX_LIFETIME: SignedDuration = LONGEST_TOKEN;
/// How far the clocks of two instances may differ.
pub(crate) const LEEWAY_SECONDS: i64 = LEEWAY.as_secs();
/// RFC 9068: what the header's `typ` says, so that no other kind of JWT passes for an access token.
const TYPE: &str = "at+jwt";
/// Ours are a third of this; what is longer is refused before it is decoded.
const MAX_TOKEN_BYTES: usize = 4096;

/// Issuer, audience and lifetime, as they are written into tokens and demanded of them.
#[derive(Debug, Clone)]
pub(crate) struct TokenRules {
    issuer: String,
    audience: String,
    lifetime: SignedDuration,
    validation: Validation,
}

impl TokenRules {
    /// `lifetime` must not exceed [`MAX_LIFETIME`]; the builder sees to it.
    pub(crate) fn new(issuer: String, audience: String, lifetime: SignedDuration) -> Self {
        provider::install();
        let validation = validation(&issuer, &audience);
        Self {
            issuer,
            audience,
            lifetime,
            validation,
        }
    }

    /// How long a token lives.
    pub(crate) fn lifetime(&self) -> SignedDuration {
        self.lifetime
    }

    /// The claims of a new token for `subject`.
    pub(crate) fn claims(&self, subject: Subject, now: Timestamp, entropy: &dyn Entropy) -> Claims {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        let issued = now.as_second();
        Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: subject.user_id,
            sid: subject.session_id,
            jti: URL_SAFE_NO_PAD.encode(id),
            iat: issued,
            nbf: issued,
            exp: issued.saturating_add(self.lifetime.as_secs()),
            email: subject.email,
            role: subject.role,
            project: subject.default_project_id,
        }
    }

    /// Checks a token against the keys and the time.
    pub(crate) fn verify(&self, keys: &KeySet, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let header = decode_header(token).map_err(|error| refused_header(&error))?;
        let kid = checked_header(&header)?;
        let key = keys.verifying(kid, now)?;
        let data = decode::<Claims>(token, &key.decoding, &self.validation).map_err(|error| refused(&error))?;
        check_time(&data.claims, now)?;
        Ok(data.claims)
    }
}

/// Signs `claims` with the key whose turn it is at `now`.
pub(crate) fn sign(keys: &KeySet, claims: &Claims, now: Timestamp) -> Result<SecretString, KeyError> {
    let key = keys.signing(now)?;
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(key.kid.clone());
    match encode(&header, claims, &key.encoding) {
        Ok(token) => Ok(token.into()),
        Err(source) => Err(KeyError::Sign {
            kid: key.kid.clone(),
            source,
        }),
    }
}

fn validation(issuer: &str, audience: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    // The library compares with the system's clock; `check_time` compares with the clock that was handed in.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

/// What the header must say before any key is looked up; answers the key's id.
fn checked_header(header: &Header) -> Result<&str, TokenError> {
    if header.alg != Algorithm::EdDSA {
        return Err(TokenError::WrongAlgorithm);
    }
    if !header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE)) {
        return Err(TokenError::WrongType);
    }
    if header.crit.is_some() {
        return Err(TokenError::CriticalExtension);
    }
    header.kid.as_deref().ok_or(TokenError::UnknownKey)
}

fn check_time(claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
    let now = now.as_second();
    // What is kept of ended sessions reaches back as far as a token may live, and no further.
    if claims.exp.saturating_sub(claims.iat) > MAX_LIFETIME.as_secs() {
        return Err(TokenError::InvalidClaims);
    }
    if now >= claims.exp.saturating_add(LEEWAY_SECONDS) {
        return Err(TokenError::Expired);
    }
    if now.saturating_add(LEEWAY_SECONDS) < claims.nbf {
        return Err(TokenError::NotYetValid);
    }
    Ok(())
}

/// A header that names no known algorithm (`none` among them) does not even parse.
fn refused_header(error: &JwtError) -> TokenError {
    if matches!(
        error.kind(),
        ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm
    ) {
        return TokenError::WrongAlgorithm;
    }
    TokenError::Malformed
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum is non-exhaustive; anything new is malformed"
)]
fn refused(error: &JwtError) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::WrongSignature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::WrongAlgorithm,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            TokenError::InvalidClaims
        }
        _ => TokenError::Malformed,
    }
}
