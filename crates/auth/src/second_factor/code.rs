//! What somebody sent as a code: digits from an app, or a recovery code.

use gathering_persistence::recovery_codes::RecoveryHash;
use secrecy::{ExposeSecret as _, SecretString};

use super::recovery;

/// Longer than any code with anything between its letters; what is longer is none.
const MAX_BYTES: usize = 64;
const DIGITS: usize = 6;

/// A code as far as its form goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Six digits.
    Totp(u32),
    /// The hash of a recovery code.
    Recovery(RecoveryHash),
    /// Neither.
    None,
}

impl Code {
    /// Takes case, spaces and dashes for nothing, as people type them.
    pub(crate) fn read(text: &SecretString) -> Self {
        let text = text.expose_secret();
        if text.len() > MAX_BYTES {
            return Self::None;
        }
        let between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'-';
        let letters = text.bytes().filter(|byte| !between(byte));
        let letters: Vec<u8> = letters.map(|byte| byte.to_ascii_uppercase()).collect();
        if letters.len() == DIGITS && letters.iter().all(u8::is_ascii_digit) {
            let number = letters
                .iter()
                .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
            return Self::Totp(number);
        }
        recovery::read(&letters).map_or(Self::None, Self::Recovery)
    }
}

#[cfg(test)]
mod tests {
    use gathering_testkit::SeededEntropy;

    use super::*;

    fn read(text: &str) -> Code {
        Code::read(&text.into())
    }

    #[test]
    fn digits_are_read_as_apps_show_them() {
        for text in ["012345", " 012 345 ", "012-345"] {
            assert!(read(text) == Code::Totp(12_345), "{text}");
        }
        for text in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", &"1".repeat(100)] {
            assert!(read(text) == Code::None, "{text}");
        }
    }

    #[test]
    fn a_recovery_code_is_read_whatever_its_case_and_dashes() {
        let (texts, hashes) = recovery::make(&SeededEntropy::new(1));
        let text = texts[0].expose_secret().to_owned();
        assert_eq!((texts.len(), text.len()), (10, 19));
        for typed in [
            &text,
            &text.to_lowercase(),
            &text.replace('-', ""),
            &text.replace('-', " "),
        ] {
            assert!(read(typed) == Code::Recovery(hashes[0]), "{typed}");
        }
        assert!(read(&text[1..]) == Code::None);
        assert!(read(texts[1].expose_secret()) == Code::Recovery(hashes[1]));
        assert_ne!(hashes[0], hashes[1]);
    }
}
