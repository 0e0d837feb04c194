#![doc = include_str!("../README.md")]

mod accounts;
mod audit;
mod email;
mod error;
mod password;
mod tokens;

pub use accounts::{
    Account, AccountStats, Accounts, Builder, Client, Identity, IssuedTokens, Keeper, PreparedAccount,
    RegistrationMode, Session,
};
pub use audit::{AuditFlaw, AuditReport};
pub use error::{Error, FieldProblem};
pub use password::{HashError, HashParameters, HashingOptions, HashingStats};
pub use tokens::{Jwk, Jwks, KeyError, TokenError};
