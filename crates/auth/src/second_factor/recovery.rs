//! Recovery codes: 80 random bits each, shown once, stored as their hashes.

use gathering_domain::Entropy;
use gathering_persistence::recovery_codes::RecoveryHash;
use ring::digest::{SHA256, digest};
use secrecy::SecretString;

use super::base32::{encode, is_letter};

/// How many a user gets.
const MANY: usize = 10;
const BYTES: usize = 10;
/// The letters of one, and of each of its groups.
const LETTERS: usize = 16;
const GROUP: usize = 4;

/// New codes as they are shown, and as they are stored.
pub(crate) fn make(entropy: &dyn Entropy) -> (Vec<SecretString>, Vec<RecoveryHash>) {
    (0..MANY).map(|_| one(entropy)).unzip()
}

fn one(entropy: &dyn Entropy) -> (SecretString, RecoveryHash) {
    let mut bytes = [0; BYTES];
    entropy.fill(&mut bytes);
    let letters = encode(&bytes);
    let groups: Vec<&str> = (0..LETTERS / GROUP)
        .map(|group| &letters[group * GROUP..(group + 1) * GROUP])
        .collect();
    (groups.join("-").into(), hash(letters.as_bytes()))
}

/// The hash of what somebody sent, in upper case and without what may stand between letters, if that can be a code at all.
pub(super) fn read(letters: &[u8]) -> Option<RecoveryHash> {
    let can_be = letters.len() == LETTERS && letters.iter().all(|letter| is_letter(*letter));
    can_be.then(|| hash(letters))
}

/// Of 80 random bits a plain hash tells nobody anything.
fn hash(letters: &[u8]) -> RecoveryHash {
    let mut hash = RecoveryHash::default();
    hash.copy_from_slice(digest(&SHA256, letters).as_ref());
    hash
}
