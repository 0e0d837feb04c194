//! One Ed25519 signing key: made from 32 random bytes, stored as PKCS#8, named by its thumbprint.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gathering_domain::Entropy;
use gathering_domain::signing_key::KeyTimes;
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::error::KeyError;

/// The DER that stands before the 32 secret bytes of an Ed25519 key in PKCS#8, version 1 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A fresh private key in PKCS#8.
pub(crate) fn generate(entropy: &dyn Entropy) -> Vec<u8> {
    let mut pkcs8 = PKCS8_PREFIX.to_vec();
    pkcs8.resize(PKCS8_PREFIX.len() + 32, 0);
    entropy.fill(&mut pkcs8[PKCS8_PREFIX.len()..]);
    pkcs8
}

/// A signing key that was read and found sound.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Its id: the thumbprint of its public half (RFC 7638).
    pub(crate) kid: String,
    /// When it signs.
    pub(crate) times: KeyTimes,
    /// The public half, base64url.
    pub(crate) public: String,
    pub(crate) encoding: EncodingKey,
    pub(crate) decoding: DecodingKey,
}

impl Key {
    /// Reads a private key in PKCS#8.
    pub(crate) fn read(pkcs8: &[u8], times: KeyTimes) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_rejected| KeyError::Unreadable {
            kid: "just made".to_owned(),
        })?;
        let public_bytes = pair.public_key().as_ref();
        let public = URL_SAFE_NO_PAD.encode(public_bytes);
        Ok(Self {
            kid: thumbprint(&public),
            times,
            public,
            encoding: EncodingKey::from_ed_der(pkcs8),
            decoding: DecodingKey::from_ed_der(public_bytes),
        })
    }
}

/// RFC 7638: SHA-256 over the required members of the JWK, in lexicographic order.
fn thumbprint(public: &str) -> String {
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, jwk.as_bytes()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn times() -> KeyTimes {
        KeyTimes::at_once(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // The key and its thumbprint in RFC 8037, appendix A.3.
        let public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        assert_eq!(thumbprint(public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_is_named_by_its_own_public_half() {
        // The private key of RFC 8032, section 7.1, test 1; its public half is that of RFC 8037, appendix A.
        let secret = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
            0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
        ];
        let key = Key::read(&[&PKCS8_PREFIX[..], &secret].concat(), times()).unwrap();
        assert_eq!(key.public, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn bytes_that_are_no_key_are_refused_and_not_shown() {
        let error = Key::read(b"hunter2 hunter2 hunter2", times()).unwrap_err();
        assert!(matches!(error, KeyError::Unreadable { .. }));
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }

    #[test]
    fn debug_does_not_show_the_private_half() {
        let key = Key::read(&[&PKCS8_PREFIX[..], &[7; 32]].concat(), times()).unwrap();
        assert!(!format!("{key:?}").contains("7, 7"));
    }
}
