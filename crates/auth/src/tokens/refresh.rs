//! Refresh tokens: opaque, and each knows the one that it is exchanged for.

use gathering_domain::Entropy;
use gathering_persistence::refresh_tokens::TokenHash;
use ring::hmac;
use secrecy::SecretString;

use super::opaque::{Kind, Opaque};

/// A refresh token.
#[derive(Debug)]
pub(crate) struct RefreshToken(Opaque);

impl RefreshToken {
    /// A new one.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        Self(Opaque::generate(Kind::Refresh, entropy))
    }

    /// What a client sent, if it can be one at all.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Opaque::parse(Kind::Refresh, text).map(Self)
    }

    /// As clients get it.
    pub(crate) fn text(&self) -> SecretString {
        self.0.text()
    }

    /// As it is stored.
    pub(crate) fn hash(&self) -> TokenHash {
        self.0.hash()
    }

    /// The token that it is exchanged for: always the same one, so that an exchange whose answer was lost can be repeated, although it is
    /// stored nowhere. Who has the session's `seed` and not the token cannot make it, nor who has the token and not the seed.
    pub(crate) fn successor(&self, seed: &[u8]) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed), self.0.bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        Self(Opaque::new(Kind::Refresh, bytes))
    }
}

#[cfg(test)]
mod tests {
    use gathering_testkit::SeededEntropy;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_nothing_else_is_one() {
        let token = RefreshToken::generate(&SeededEntropy::new(1));
        let text = token.text().expose_secret().to_owned();
        assert_eq!(RefreshToken::parse(&text).unwrap().hash(), token.hash());
        let shorter = &text[..text.len() - 1];
        for other in [
            "",
            "grt_",
            &text[4..],
            shorter,
            &format!("{text}A"),
            &format!("{text}="),
            "grt_é",
            &text.replace("grt_", "gak_"),
        ] {
            assert!(RefreshToken::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_successor_follows_from_token_and_seed_and_from_neither_alone() {
        let [one, two] = [1, 2].map(|seed| RefreshToken::generate(&SeededEntropy::new(seed)));
        assert_eq!(one.successor(&[7; 32]).hash(), one.successor(&[7; 32]).hash());
        assert_ne!(one.successor(&[7; 32]).hash(), one.successor(&[8; 32]).hash());
        assert_ne!(one.successor(&[7; 32]).hash(), two.successor(&[7; 32]).hash());
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let token = RefreshToken(Opaque::new(Kind::Refresh, [7; 32]));
        assert!(!format!("{token:?}").contains('7'), "{token:?}");
    }
}
