//! argon2id, as pure functions: hash, compare, tell whether a stored hash is out of date.

use std::cell::Cell;

use argon2::password_hash::phc::{self, Output};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use gathering_domain::Entropy;
use gathering_persistence::users::PasswordHash;

/// The bytes of a salt, as RFC 9106 recommends.
pub(crate) const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// More than the 32 MiB up to which glibc keeps freed memory for itself, at 1 KiB a block.
const RESERVED_BLOCKS: usize = 33 * 1024;

/// How much work one password hash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashParameters {
    /// Memory in KiB, at least 8 per lane.
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
    /// Lanes, at least 1. More make a guess faster for those who have the cores, not for one thread.
    pub lanes: u32,
}

impl Default for HashParameters {
    /// 19,456 KiB, two passes, one lane: the first choice of the OWASP password storage cheat sheet.
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

/// A password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The parameters are outside what argon2 allows.
    #[error("argon2 does not allow these parameters")]
    Parameters(#[source] argon2::Error),
    /// Hashing failed.
    #[error("the password could not be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    /// What is stored is no argon2id hash.
    #[error("the stored password hash cannot be read; the user needs a new password")]
    Stored(#[source] argon2::password_hash::Error),
    /// The thread that did it ended before it answered.
    #[error("the password was not hashed: its thread ended")]
    Stopped,
}

/// Hashes a password with a fresh salt.
pub(crate) fn hash(
    parameters: HashParameters,
    password: &str,
    salt: &[u8; SALT_BYTES],
) -> Result<PasswordHash, HashError> {
    let output = digest(&argon2id(parameters)?, password, salt).map_err(HashError::Hash)?;
    Ok(phc_string(parameters, salt, output.as_bytes()))
}

/// Whether `password` is the one that was hashed, with the parameters it was hashed with.
pub(crate) fn matches(password: &str, stored: &PasswordHash) -> Result<bool, HashError> {
    let (argon2, salt, expected) = parsed(stored).map_err(HashError::Stored)?;
    let found = digest(&argon2, password, &salt).map_err(HashError::Stored)?;
    // `Output` compares in constant time.
    Ok(found == expected)
}

/// Whether `stored` took less work than `parameters` ask for today.
pub(crate) fn is_outdated(parameters: HashParameters, stored: &PasswordHash) -> bool {
    let Ok(stored) = phc::PasswordHash::new(stored.as_str()) else {
        return false;
    };
    let Ok(used) = Params::try_from(&stored) else {
        return false;
    };
    used.m_cost() < parameters.memory_kib || used.t_cost() < parameters.passes || used.p_cost() < parameters.lanes
}

/// A hash of no password, which takes the same work to compare with as a real one: for addresses that nobody has.
pub(crate) fn decoy(parameters: HashParameters, entropy: &dyn Entropy) -> PasswordHash {
    let (mut salt, mut output) = ([0; SALT_BYTES], [0; HASH_BYTES]);
    entropy.fill(&mut salt);
    entropy.fill(&mut output);
    phc_string(parameters, &salt, &output)
}

/// Refuses what argon2 does not allow.
pub(crate) fn argon2id(parameters: HashParameters) -> Result<Argon2<'static>, HashError> {
    let HashParameters {
        memory_kib,
        passes,
        lanes,
    } = parameters;
    let params = Params::new(memory_kib, passes, lanes, Some(HASH_BYTES)).map_err(HashError::Parameters)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn phc_string(parameters: HashParameters, salt: &[u8], output: &[u8]) -> PasswordHash {
    let HashParameters {
        memory_kib,
        passes,
        lanes,
    } = parameters;
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    PasswordHash::new(format!(
        "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}"
    ))
}

/// What a stored hash was made with, and what came out.
fn parsed(stored: &PasswordHash) -> argon2::password_hash::Result<(Argon2<'static>, phc::Salt, Output)> {
    let stored = phc::PasswordHash::new(stored.as_str())?;
    let params = Params::try_from(&stored)?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from)?;
    match (stored.algorithm == ARGON2ID_IDENT, stored.salt, stored.hash) {
        (true, Some(salt), Some(hash)) => Ok((Argon2::new(Algorithm::Argon2id, version, params), salt, hash)),
        (false, ..) => Err(argon2::password_hash::Error::Algorithm),
        (true, ..) => Err(argon2::password_hash::Error::EncodingInvalid),
    }
}

fn digest(argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> argon2::password_hash::Result<Output> {
    let mut buffer = [0; Output::MAX_LENGTH];
    let length = argon2.params().output_len().unwrap_or(HASH_BYTES);
    let output = buffer
        .get_mut(..length)
        .ok_or(argon2::password_hash::Error::OutputSize)?;
    let count = argon2.params().block_count();
    let mut memory = KEPT.take();
    if memory.len() < count {
        memory = blocks(count);
    }
    let hashed = argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory[..count]);
    KEPT.set(memory);
    hashed?;
    Ok(Output::new(output)?)
}

thread_local! {
    /// The memory of this thread's last hash, for its next one. To have 19 MiB mapped anew for each costs a quarter of the hash, and keeps the other cores busy, too.
    static KEPT: Cell<Vec<Block>> = const { Cell::new(Vec::new()) };
}

/// Gives the memory of this thread back to the system: for when nothing is to be hashed.
pub(super) fn give_back() {
    KEPT.take();
}

/// Memory that goes back to the system when it is dropped.
///
/// Once a program has freed 19 MiB, glibc serves the next 19 MiB from its arenas and never returns them: after some hundred
/// logins the process held 345 MB. A reservation above its limit is always mapped and unmapped by itself, and what is not
/// touched takes no memory.
fn blocks(count: usize) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(count.max(RESERVED_BLOCKS));
    blocks.resize(count, Block::new());
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: HashParameters = HashParameters {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    const SALT: [u8; SALT_BYTES] = [1; SALT_BYTES];

    #[derive(Debug)]
    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let stored = hash(SMALL, "correct horse battery", &SALT).unwrap();
        assert!(matches("correct horse battery", &stored).unwrap());
        assert!(!matches("Correct horse battery", &stored).unwrap());
        assert!(!matches("", &stored).unwrap());
    }

    #[test]
    fn a_hash_says_how_it_was_made() {
        let stored = hash(HashParameters::default(), "correct horse battery", &SALT).unwrap();
        assert!(
            stored.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            stored.as_str()
        );
    }

    #[test]
    fn a_hash_is_outdated_when_any_parameter_has_risen() {
        let stored = hash(SMALL, "correct horse battery", &SALT).unwrap();
        assert!(!is_outdated(SMALL, &stored));
        assert!(is_outdated(HashParameters { memory_kib: 9, ..SMALL }, &stored));
        assert!(is_outdated(HashParameters { passes: 2, ..SMALL }, &stored));
        assert!(!is_outdated(
            SMALL,
            &hash(HashParameters { passes: 3, ..SMALL }, "x", &SALT).unwrap()
        ));
    }

    #[test]
    fn the_decoy_has_the_form_of_a_hash_and_matches_nothing() {
        let real = hash(HashParameters::default(), "correct horse battery", &SALT).unwrap();
        let decoy = decoy(HashParameters::default(), &Sevens);
        assert_eq!(decoy.as_str().len(), real.as_str().len());
        assert!(!matches("", &decoy).unwrap());
        assert!(!is_outdated(HashParameters::default(), &decoy));
    }

    #[test]
    fn what_is_no_hash_is_an_error_and_not_a_mismatch() {
        for stored in ["", "plain text", "$argon2id$v=19$m=8,t=1,p=1$AQ"] {
            let outcome = matches("correct horse battery", &PasswordHash::new(stored.to_owned()));
            assert!(!matches!(outcome, Ok(true)), "{stored}");
        }
    }

    #[test]
    fn impossible_parameters_are_refused() {
        assert!(matches!(
            argon2id(HashParameters { memory_kib: 1, ..SMALL }),
            Err(HashError::Parameters(_))
        ));
    }
}
