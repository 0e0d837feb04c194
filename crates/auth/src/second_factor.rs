//! Codes of a second factor: those that change with the time, and those for whoever has lost what makes them.

mod base32;
mod code;
mod enrolment;
mod recovery;
mod totp;

pub(crate) use code::Code;
pub(crate) use enrolment::generate;
pub use enrolment::{RecoveryCodes, TotpEnrolment};
pub(crate) use recovery::make;
pub(crate) use totp::step_of;
