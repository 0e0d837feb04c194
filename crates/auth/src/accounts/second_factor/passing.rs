//! Whether a code is let pass, in the transaction of what it is for: it counts with that, or not at all.

use std::time::Duration;

use gathering_domain::UserId;
use gathering_domain::second_factor::{CodeVerdict, PresentedCode, Step};
use gathering_persistence::second_factors::{self, LockedFactor};
use gathering_persistence::{Transaction, recovery_codes};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::Error;
use crate::second_factor::{Code, step_of};

/// Why somebody may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accounts) enum Passed {
    /// The user has no second factor.
    NotAsked,
    /// By a code of the app.
    ByCode,
    /// By a recovery code.
    ByRecoveryCode {
        /// How many there are now.
        left: i64,
    },
}

/// Why somebody may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accounts) enum Refused {
    /// No code was sent.
    Missing,
    /// There is no such code.
    Wrong,
    /// The code was used before.
    Used,
    /// Too many were wrong.
    Locked { retry_after: Duration },
}

impl Refused {
    /// For the audit.
    pub(in crate::accounts) fn reason(self) -> &'static str {
        match self {
            Self::Missing => "no code",
            Self::Wrong => "wrong code",
            Self::Used => "a code that was used before",
            Self::Locked { .. } => "too many wrong codes before",
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing => Self::TotpRequired,
            // Which of the two is nobody's business: a code that was right is worth knowing.
            Refused::Wrong | Refused::Used => Self::InvalidTotp,
            Refused::Locked { retry_after } => Self::TotpLocked { retry_after },
        }
    }
}

/// Whether a user who has shown the password may come in with this code, or without one.
///
/// Where this refuses, the transaction is to be committed all the same: it counts what was wrong.
pub(in crate::accounts) async fn pass_in(
    tx: &Transaction<'_>,
    user: UserId,
    code: Option<&SecretString>,
    now: Timestamp,
) -> Result<Result<Passed, Refused>, Error> {
    let factor = second_factors::lock_in(tx, user).await?;
    let Some(factor) = factor.filter(|factor| factor.enabled_at.is_some()) else {
        return Ok(Ok(Passed::NotAsked));
    };
    match code.filter(|code| !code.expose_secret().trim().is_empty()) {
        Some(code) => try_in(tx, user, &factor, code, now).await,
        None => Ok(Err(Refused::Missing)),
    }
}

/// Whether this code counts for this factor, enabled or not.
pub(super) async fn try_in(
    tx: &Transaction<'_>,
    user: UserId,
    factor: &LockedFactor,
    code: &SecretString,
    now: Timestamp,
) -> Result<Result<Passed, Refused>, Error> {
    let presented = match Code::read(code) {
        Code::Totp(code) => {
            step_of(&factor.secret, &Step::window(now), code).map_or(PresentedCode::Unknown, PresentedCode::Of)
        }
        Code::Recovery(hash) if recovery_codes::use_up(tx, user, &hash).await? => PresentedCode::Recovery,
        Code::Recovery(_) | Code::None => PresentedCode::Unknown,
    };
    Ok(match factor.state.judge(presented, now) {
        CodeVerdict::Step(step) if second_factors::use_step(tx, user, step).await? => Ok(Passed::ByCode),
        CodeVerdict::Step(_) | CodeVerdict::Used => Err(Refused::Used),
        CodeVerdict::Recovery => {
            second_factors::set_wrong(tx, user, None).await?;
            let left = recovery_codes::left(tx, user).await?;
            Ok(Passed::ByRecoveryCode { left })
        }
        CodeVerdict::Wrong(wrong) => {
            second_factors::set_wrong(tx, user, Some(wrong)).await?;
            Err(Refused::Wrong)
        }
        CodeVerdict::Locked { until } => Err(Refused::Locked {
            retry_after: until.duration_since(now).unsigned_abs(),
        }),
    })
}
