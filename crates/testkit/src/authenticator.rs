//! An authenticator app: makes codes from the secret that a server shows.

use jiff::Timestamp;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

const STEP_SECONDS: i64 = 30;

/// Six digits every 30 s (RFC 6238).
#[derive(Debug)]
pub struct Authenticator {
    key: Key,
}

impl Authenticator {
    /// Takes the secret as a user would type it, in base32.
    pub fn new(secret: &str) -> Self {
        let secret = decoded(secret);
        Self {
            key: Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret),
        }
    }

    /// The code at a time. A server takes it for one step before and one after, too: whoever needs two codes at once uses this one and that of
    /// 30 s later.
    pub fn code(&self, at: Timestamp) -> String {
        let step = at.as_second().div_euclid(STEP_SECONDS);
        let tag = sign(&self.key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[19] & 0xf);
        let number = tag[offset..offset + 4]
            .iter()
            .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
    }
}

fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            other => panic!("{other} is no letter of base32"),
        };
        bits = (bits << 5 | u32::from(value)) & 0xffff;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    bytes
}
