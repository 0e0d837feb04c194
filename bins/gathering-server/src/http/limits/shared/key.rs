//! What is told to Redis of who asks: a keyed hash, because addresses are personal data.

use std::fmt::Write as _;

use ring::hmac;

use super::super::tier::Key;

/// How many bytes of a hash are kept: enough that two who ask never meet.
const KEPT: usize = 16;

/// Makes the names of keys, the same on all instances of one database and others for every other database.
#[derive(Debug)]
pub(super) struct Names {
    secret: hmac::Key,
    prefix: String,
}

impl Names {
    /// `mark` is what tells the database from every other.
    pub(super) fn new(mark: &str) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, mark.as_bytes());
        let group = hex(hmac::sign(&secret, b"group").as_ref());
        Self {
            secret,
            // All keys of a group are in one slot of a Redis Cluster, so that one connection reaches all of them.
            prefix: format!("gathering:{{{group}}}:limit"),
        }
    }

    /// The key of who asks, in the tier of this name.
    pub(super) fn key(&self, tier: &str, key: Key) -> String {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&key.bytes());
        format!("{}:{tier}:{}", self.prefix, hex(context.sign().as_ref()))
    }

    /// A key that nobody's requests have.
    pub(super) fn probe(&self) -> String {
        format!("{}:probe", self.prefix)
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().take(KEPT).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_nothing_of_an_address_and_is_of_one_length() {
        let (names, address) = (Names::new("7@5"), "192.0.2.1".parse().unwrap());
        let login = Key::login(address, &"ada@example.org".repeat(1000));
        let keys = [names.key("auth", Key::address(address)), names.key("auth", login)];
        assert_eq!(keys[0].len(), keys[1].len());
        assert!(!keys[1].contains("ada") && !keys[0].contains("192"), "{keys:?}");
        assert!(keys[0].starts_with("gathering:{"), "{keys:?}");
    }

    #[test]
    fn another_tier_another_kind_and_another_database_have_other_keys() {
        let key = Key::V6(5);
        let names = Names::new("7@5");
        let others = [
            names.key("write", key),
            names.key("read", Key::V4(5)),
            names.key("read", Key::User(5)),
            Names::new("8@5").key("read", key),
        ];
        assert!(!others.contains(&names.key("read", key)));
        assert_eq!(Names::new("7@5").key("read", key), names.key("read", key));
    }
}
