#![doc = include_str!("../README.md")]

mod accounts;
mod audit;
mod email;
mod error;
mod password;
mod tokens;

pub use accounts::{
    Account, AccountStats, Accounts, ApiKey, Builder, Client, Credential, Identity, Invitation, IssuedTokens, Keeper,
    MadeApiKey, MadeInvitation, Member, NewApiKey, NewInvitation, Operator, PreparedAccount, Project, Registration,
    RegistrationMode, Session, User,
};
pub use audit::{AuditEntry, AuditFlaw, AuditPage, AuditReport};
pub use error::{Error, FieldProblem, StillNeeded};
pub use gathering_persistence::audit::AuditFilter;
pub use password::{HashError, HashParameters, HashingOptions, HashingStats};
pub use tokens::{Jwk, Jwks, KeyError, TokenError};
