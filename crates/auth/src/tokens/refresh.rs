//! Refresh tokens: opaque, 256 bits, stored as their hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gathering_domain::Entropy;
use gathering_persistence::refresh_tokens::TokenHash;
use ring::digest::{SHA256, digest};
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

/// What each begins with, so that one that leaked into a repository or a log is found by those who search for such things.
const PREFIX: &str = "grt_";

/// A refresh token.
#[derive(Debug)]
pub(crate) struct RefreshToken(SecretBox<[u8; 32]>);

impl RefreshToken {
    /// A new one.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// What a client sent, if it can be one at all.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        Some(Self(SecretBox::new(Box::new(bytes.try_into().ok()?))))
    }

    /// As clients get it.
    pub(crate) fn text(&self) -> SecretString {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0.expose_secret())).into()
    }

    /// As it is stored. Of 256 random bits a plain hash tells nobody anything.
    pub(crate) fn hash(&self) -> TokenHash {
        let mut hash = TokenHash::default();
        hash.copy_from_slice(digest(&SHA256, self.0.expose_secret()).as_ref());
        hash
    }

    /// The token that it is exchanged for: always the same one, so that an exchange whose answer was lost can be repeated, although it is
    /// stored nowhere. Who has the session's `seed` and not the token cannot make it, nor who has the token and not the seed.
    pub(crate) fn successor(&self, seed: &[u8]) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, seed), self.0.expose_secret());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        Self(SecretBox::new(Box::new(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use gathering_testkit::SeededEntropy;

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
        let token = RefreshToken(SecretBox::new(Box::new([7; 32])));
        assert!(!format!("{token:?}").contains('7'), "{token:?}");
    }
}
