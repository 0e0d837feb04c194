//! The user that the demo makes, and other things that nobody should guess.

use gathering::{Entropy as _, SystemEntropy};

/// An account that nobody has yet.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) email: String,
    pub(super) password: String,
}

impl Account {
    /// With a new address and a new password.
    pub(super) fn new() -> Self {
        Self {
            email: format!("demo-{}@example.com", random_hex::<4>()),
            password: random_hex::<12>(),
        }
    }
}

/// `BYTES` random bytes in hexadecimal.
pub(super) fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    SystemEntropy::default().fill(&mut bytes);
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
