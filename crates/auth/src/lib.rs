#![doc = include_str!("../README.md")]

mod accounts;
mod audit;
mod email;
mod error;
mod password;
mod second_factor;
mod tokens;

pub use accounts::{
    Account, Accounts, Builder, Client, DEFAULT_SIGNING_KEY_LIFETIME, Identity, IssuedTokens, Keeper, PreparedAccount,
    RegistrationMode, RotatedKey, SecondFactorState, Session, SigningKey, signing_keys,
};
pub use audit::{AuditFlaw, AuditReport, verify_audit};
pub use error::{Error, FieldProblem};
pub use password::{HashError, HashParameters, HashingOptions};
pub use second_factor::{RecoveryCodes, TotpEnrolment};
pub use tokens::{Jwk, Jwks, KeyError, TokenError};
