#![doc = include_str!("../README.md")]

mod accounts;
mod audit;
mod email;
mod error;
mod password;
mod second_factor;
mod tokens;

pub use accounts::{
    Account, AccountStats, Accounts, ApiKey, Builder, Client, CreatedProject, Credential, DEFAULT_SIGNING_KEY_LIFETIME,
    Identity, Invitation, IssuedTokens, Keeper, MadeApiKey, MadeInvitation, Member, NewApiKey, NewInvitation, Operator,
    PreparedAccount, Project, PutMember, Registration, RegistrationMode, RotatedKey, SecondFactorState, Session,
    SigningKey, User, signing_keys,
};
pub use audit::{AuditEntry, AuditFlaw, AuditPage, AuditReport, verify_audit};
pub use error::{Error, FieldProblem, StillNeeded};
pub use gathering_persistence::audit::AuditFilter;
pub use password::{HashError, HashParameters, HashingOptions, HashingStats};
pub use second_factor::{RecoveryCodes, TotpEnrolment};
pub use tokens::{Jwk, Jwks, KeyError, TokenError};
