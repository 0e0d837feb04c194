#![doc = include_str!("../README.md")]

mod accounts;
mod email;
mod error;
mod password;
mod tokens;

pub use accounts::{Account, Accounts, Builder, Identity, IssuedTokens, PreparedAccount, RegistrationMode};
pub use error::{Error, FieldProblem};
pub use password::{HashError, HashParameters, HashingOptions};
pub use tokens::{Jwk, Jwks, KeyError, TokenError};
