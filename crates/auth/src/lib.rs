#![doc = include_str!("../README.md")]

mod accounts;
mod audit;
mod email;
mod error;
mod password;
mod second_factor;
mod tokens;

pub use accounts::{
    Account, Accounts, Builder, Client, Identity, IssuedTokens, Keeper, PreparedAccount, RegistrationMode,
    SecondFactorState, Session,
};
pub use audit::{AuditFlaw, AuditReport};
pub use error::{Error, FieldProblem};
pub use password::{HashError, HashParameters, HashingOptions};
pub use second_factor::{RecoveryCodes, TotpEnrolment};
pub use tokens::{Jwk, Jwks, KeyError, TokenError};
