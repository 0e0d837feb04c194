//! Opaque secrets: 256 random bits behind a prefix, stored as their hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gathering_domain::Entropy;
use gathering_persistence::refresh_tokens::TokenHash;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

/// What a secret is for. Each kind begins with other letters, so that one that leaked into a repository or a log is found by those who search
/// for such things, and none passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Exchanged for new tokens of a session.
    Refresh,
    /// What machines come in with.
    ApiKey,
    /// What strangers register with.
    Invitation,
}

impl Kind {
    /// What each begins with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "grt_",
            Self::ApiKey => "gak_",
            Self::Invitation => "gin_",
        }
    }
}

/// An opaque secret.
#[derive(Debug)]
pub(crate) struct Opaque {
    kind: Kind,
    bytes: SecretBox<[u8; 32]>,
}

impl Opaque {
    /// A new one.
    pub(crate) fn generate(kind: Kind, entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self::new(kind, bytes)
    }

    /// One of these bytes.
    pub(crate) fn new(kind: Kind, bytes: [u8; 32]) -> Self {
        Self {
            kind,
            bytes: SecretBox::new(Box::new(bytes)),
        }
    }

    /// What a client sent, if it can be one of this kind at all.
    pub(crate) fn parse(kind: Kind, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(kind.prefix())?).ok()?;
        Some(Self::new(kind, bytes.try_into().ok()?))
    }

    /// As clients get it.
    pub(crate) fn text(&self) -> SecretString {
        let text = URL_SAFE_NO_PAD.encode(self.bytes.expose_secret());
        format!("{}{text}", self.kind.prefix()).into()
    }

    /// As it is stored. Of 256 random bits a plain hash tells nobody anything.
    pub(crate) fn hash(&self) -> TokenHash {
        let mut hash = TokenHash::default();
        hash.copy_from_slice(digest(&SHA256, self.bytes.expose_secret()).as_ref());
        hash
    }

    /// The bytes, for what is made of them.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.bytes.expose_secret()
    }
}
