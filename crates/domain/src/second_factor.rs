//! A second factor: which time steps a code may be of, whether a code counts, and when too many were wrong.

use std::num::NonZeroU16;

use jiff::{SignedDuration, Timestamp};

/// How long one code is shown (RFC 6238, section 4: X).
pub const STEP_SECONDS: i64 = 30;
/// How many wrong codes are taken in [`WRONG_CODES_PERIOD`], counted from the first of them.
pub const MOST_WRONG_CODES: u16 = 5;
/// The time in which that many may be wrong. Whoever knows a password and guesses codes is right within a day with a chance of 0.4 %: 1,440 codes,
/// of which three in a million are right.
pub const WRONG_CODES_PERIOD: SignedDuration = SignedDuration::from_mins(5);

/// A time step (RFC 6238: T).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(i64);

impl Step {
    /// The step of this number, as it was kept.
    pub fn new(number: i64) -> Self {
        Self(number)
    }

    /// The step that it is at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(now.as_second().div_euclid(STEP_SECONDS))
    }

    /// The steps whose codes are taken at `now`: this one, and one either side, for clocks that differ and people who type slowly.
    pub fn window(now: Timestamp) -> [Self; 3] {
        let Self(step) = Self::at(now);
        [Self(step - 1), Self(step), Self(step + 1)]
    }

    /// Its number.
    pub fn number(self) -> i64 {
        self.0
    }
}

/// Codes that were wrong since the last right one, as far as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongCodes {
    /// How many.
    pub count: NonZeroU16,
    /// When the first of them came.
    pub since: Timestamp,
}

/// A second factor when somebody presents a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondFactor {
    /// The step of the last code that counted.
    pub last_step: Option<Step>,
    /// What was wrong before.
    pub wrong: Option<WrongCodes>,
}

/// What was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresentedCode {
    /// The code of this step, which is in the window.
    Of(Step),
    /// A recovery code that was not used yet.
    Recovery,
    /// No code that there is.
    Unknown,
}

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeVerdict {
    /// It counts: from now on, no code of this step or of one before it does.
    Step(Step),
    /// It counts, and is used up.
    Recovery,
    /// It was right, and was used already, or one of a later step was. Nobody who guesses comes by it, so that it is not counted.
    Used,
    /// It is wrong, and this is the count from now on.
    Wrong(WrongCodes),
    /// Too many were wrong; whether this one is right is not told until then.
    Locked {
        /// When codes are looked at again.
        until: Timestamp,
    },
}

impl SecondFactor {
    /// Judges a code that is presented at `now`.
    ///
    /// A recovery code counts also where too many codes were wrong: it is too long to be guessed, and so whoever knows the password and
    /// sends wrong codes all the time keeps nobody out for good.
    pub fn judge(&self, code: PresentedCode, now: Timestamp) -> CodeVerdict {
        if code == PresentedCode::Recovery {
            return CodeVerdict::Recovery;
        }
        if let Some(until) = self.locked_until(now) {
            return CodeVerdict::Locked { until };
        }
        match code {
            PresentedCode::Of(step) if self.last_step.is_none_or(|last| step > last) => CodeVerdict::Step(step),
            PresentedCode::Of(_) => CodeVerdict::Used,
            PresentedCode::Recovery | PresentedCode::Unknown => CodeVerdict::Wrong(self.one_more_wrong(now)),
        }
    }

    /// Until when codes are not looked at, because too many were wrong.
    pub fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        let wrong = self.counted(now)?;
        (wrong.count.get() >= MOST_WRONG_CODES).then(|| end(wrong.since))
    }

    fn one_more_wrong(&self, now: Timestamp) -> WrongCodes {
        match self.counted(now) {
            Some(wrong) => WrongCodes {
                count: wrong.count.saturating_add(1),
                ..wrong
            },
            None => WrongCodes {
                count: NonZeroU16::MIN,
                since: now,
            },
        }
    }

    /// What was wrong within the period. A beginning ahead of `now` was told by a clock that is ahead by no more than that, or is not believed:
    /// a clock that was set back locks nobody out for long.
    fn counted(&self, now: Timestamp) -> Option<WrongCodes> {
        self.wrong
            .filter(|wrong| now.duration_since(wrong.since).abs() < WRONG_CODES_PERIOD)
    }
}

fn end(since: Timestamp) -> Timestamp {
    since.saturating_add(WRONG_CODES_PERIOD).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn wrong(count: u16, since: i64) -> WrongCodes {
        WrongCodes {
            count: NonZeroU16::new(count).unwrap(),
            since: at(since),
        }
    }

    const FRESH: SecondFactor = SecondFactor {
        last_step: None,
        wrong: None,
    };

    #[test]
    fn the_steps_are_those_of_the_rfc_and_one_either_side_is_taken() {
        // RFC 6238, appendix B: T of the test vectors.
        for (second, step) in [(59, 1), (1_111_111_109, 0x0235_23EC), (20_000_000_000, 0x27BC_86AA)] {
            assert_eq!(Step::at(at(second)).number(), step);
        }
        assert_eq!(Step::window(at(59)).map(Step::number), [0, 1, 2]);
        assert_eq!(Step::at(at(-1)).number(), -1);
    }

    #[test]
    fn a_code_counts_once_and_none_of_an_earlier_step_does_after_it() {
        let now = at(3_000);
        assert_eq!(
            FRESH.judge(PresentedCode::Of(Step(99)), now),
            CodeVerdict::Step(Step(99))
        );
        let used = SecondFactor {
            last_step: Some(Step(100)),
            ..FRESH
        };
        for step in [99, 100] {
            assert_eq!(used.judge(PresentedCode::Of(Step(step)), now), CodeVerdict::Used);
        }
        assert_eq!(
            used.judge(PresentedCode::Of(Step(101)), now),
            CodeVerdict::Step(Step(101))
        );
    }

    #[test]
    fn the_sixth_code_after_five_wrong_ones_is_not_looked_at_until_the_period_is_over() {
        let mut factor = FRESH;
        for count in 1..=MOST_WRONG_CODES {
            let verdict = factor.judge(PresentedCode::Unknown, at(1_000 + i64::from(count)));
            assert_eq!(verdict, CodeVerdict::Wrong(wrong(count, 1_001)));
            factor.wrong = Some(wrong(count, 1_001));
        }
        let locked = CodeVerdict::Locked { until: at(1_301) };
        for code in [PresentedCode::Unknown, PresentedCode::Of(Step(43))] {
            assert_eq!(factor.judge(code, at(1_300)), locked);
        }
        assert_eq!(
            factor.judge(PresentedCode::Of(Step(43)), at(1_301)),
            CodeVerdict::Step(Step(43))
        );
        assert_eq!(
            factor.judge(PresentedCode::Unknown, at(1_301)),
            CodeVerdict::Wrong(wrong(1, 1_301))
        );
    }

    #[test]
    fn a_recovery_code_counts_however_many_codes_were_wrong() {
        let factor = SecondFactor {
            wrong: Some(wrong(5, 1_000)),
            ..FRESH
        };
        assert_eq!(factor.judge(PresentedCode::Recovery, at(1_001)), CodeVerdict::Recovery);
    }

    #[test]
    fn wrong_codes_of_a_clock_that_was_far_ahead_lock_nobody_out() {
        let factor = SecondFactor {
            wrong: Some(wrong(5, 100_000)),
            ..FRESH
        };
        assert_eq!(factor.locked_until(at(1_000)), None);
        assert_eq!(factor.locked_until(at(99_999)), Some(at(100_300)));
    }
}
