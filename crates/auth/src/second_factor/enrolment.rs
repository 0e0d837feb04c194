//! What a user is shown once, when a second factor is set up.

use std::fmt::Write as _;

use gathering_domain::Entropy;
use gathering_persistence::second_factors::TotpSecret;
use secrecy::{ExposeSecret as _, SecretString};

use super::base32;

/// What authenticator apps call us.
const ISSUER: &str = "GatheRing";

/// What an authenticator app is to be told. Shown once.
#[derive(Debug, Clone)]
pub struct TotpEnrolment {
    /// The secret in base32, to be typed.
    pub secret: SecretString,
    /// The same as an `otpauth://` URI, to be shown as a QR code.
    pub uri: SecretString,
}

/// Ten codes, each of which takes the place of one code of the app, once. Shown once.
#[derive(Debug, Clone)]
pub struct RecoveryCodes(pub Vec<SecretString>);

/// A new secret: 160 bits.
pub(crate) fn generate(entropy: &dyn Entropy) -> TotpSecret {
    let mut bytes = [0; 20];
    entropy.fill(&mut bytes);
    TotpSecret::new(bytes)
}

impl TotpEnrolment {
    pub(crate) fn new(secret: &TotpSecret, email: &str) -> Self {
        let secret = SecretString::from(base32::encode(secret.as_bytes()));
        let (account, shown) = (percent_encoded(email), secret.expose_secret());
        let uri = format!(
            "otpauth://totp/{ISSUER}:{account}?secret={shown}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30"
        );
        Self {
            uri: uri.into(),
            secret,
        }
    }
}

/// As in a path segment (RFC 3986): all but the unreserved letters.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_is_one_that_apps_read_and_debug_shows_nothing_of_it() {
        let enrolment = TotpEnrolment::new(&TotpSecret::new(*b"12345678901234567890"), "Ada+x@exämple.org");
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(enrolment.secret.expose_secret(), secret);
        assert_eq!(
            enrolment.uri.expose_secret(),
            format!(
                "otpauth://totp/GatheRing:Ada%2Bx%40ex%C3%A4mple.org?secret={secret}&issuer=GatheRing&algorithm=SHA1&digits=6&period=30"
            )
        );
        assert!(!format!("{enrolment:?}").contains("GEZD"), "{enrolment:?}");
    }
}
