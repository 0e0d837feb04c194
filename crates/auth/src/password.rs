//! Passwords: which are acceptable, how they are hashed, and on which threads.

mod hash;
mod hasher;
mod rules;
mod threads;

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

pub use hash::{HashError, HashParameters};
pub use hasher::{HashingOptions, HashingStats};

pub(crate) use hasher::PasswordHasher;
pub(crate) use rules::problems;

/// The password with its letters composed (NFC): the same one, whichever way a keyboard makes them (NIST SP 800-63B, section 3.1.1.2).
pub(crate) fn normalized(password: SecretString) -> SecretString {
    let text = password.expose_secret();
    if is_nfc(text) {
        return password;
    }
    text.nfc().collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_the_same_however_it_was_typed() {
        let composed = normalized("cafe\u{301} with unrelated words".into());
        assert_eq!(composed.expose_secret(), "caf\u{e9} with unrelated words");
        let compatible = normalized("\u{fb01} stays a ligature".into());
        assert_eq!(compatible.expose_secret(), "\u{fb01} stays a ligature");
    }
}
