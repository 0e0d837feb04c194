//! Passwords: which are acceptable, how they are hashed, and on which threads.

mod hash;
mod hasher;
mod rules;
mod threads;

pub use hash::{HashError, HashParameters};
pub use hasher::HashingOptions;

pub(crate) use hasher::PasswordHasher;
pub(crate) use rules::problems;
