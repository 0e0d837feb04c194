//! Codes that change with the time: TOTP (RFC 6238) with HMAC-SHA-1, six digits and steps of 30 s, as every authenticator app makes them.

use gathering_domain::second_factor::Step;
use gathering_persistence::second_factors::TotpSecret;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

/// Six digits.
const CODES: u32 = 1_000_000;

/// Which of these steps has this code; the latest, where several have.
///
/// All are compared, each in one comparison of numbers, so that the time tells nothing of how near a code came.
pub(crate) fn step_of(secret: &TotpSecret, steps: &[Step], code: u32) -> Option<Step> {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let mut found = None;
    for step in steps {
        let is_it = hotp(&key, *step) == code;
        found = if is_it { Some(*step) } else { found };
    }
    found
}

/// HOTP (RFC 4226, section 5.3) of a step.
fn hotp(key: &Key, step: Step) -> u32 {
    let tag = sign(key, &step.number().to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 15);
    let mut word = [0; 4];
    word.copy_from_slice(&tag[offset..offset + 4]);
    (u32::from_be_bytes(word) & 0x7fff_ffff) % CODES
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// The secret of both RFCs.
    const SECRET: &[u8; 20] = b"12345678901234567890";

    fn code(step: i64) -> u32 {
        hotp(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET), Step::new(step))
    }

    #[test]
    fn codes_are_those_of_rfc_4226() {
        // Appendix D.
        let codes = [
            755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489,
        ];
        for (counter, wanted) in (0..).zip(codes) {
            assert_eq!(code(counter), wanted, "{counter}");
        }
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1: the last six of its eight digits.
        let vectors = [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ];
        for (second, wanted) in vectors {
            let step = Step::at(Timestamp::from_second(second).unwrap());
            assert_eq!(code(step.number()), wanted, "{second}");
        }
    }

    #[test]
    fn a_code_is_found_among_the_steps_of_the_window_only() {
        let (secret, now) = (TotpSecret::new(*SECRET), Timestamp::from_second(150).unwrap());
        let found = |step: i64| step_of(&secret, &Step::window(now), code(step)).map(Step::number);
        assert_eq!([3, 4, 5, 6, 7].map(found), [None, Some(4), Some(5), Some(6), None]);
    }
}
