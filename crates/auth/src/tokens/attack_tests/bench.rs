//! A key whose private half is at hand, so that tests can sign what the product never would.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gathering_domain::policy::Role;
use gathering_domain::signing_key::KeyTimes;
use gathering_domain::{Entropy, ProjectId, SessionId, UserId};
use jiff::{SignedDuration, Timestamp};
use ring::signature::Ed25519KeyPair;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::tokens::claims::Subject;
use crate::tokens::error::TokenError;
use crate::tokens::key::{Key, generate};
use crate::tokens::key_set::KeySet;
use crate::tokens::rules::{MAX_LIFETIME, TokenRules, sign};

#[derive(Debug, Default)]
pub(super) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes()[0];
        }
    }
}

/// A key whose private half is at hand, so that tests can sign what the product never would.
pub(super) struct Bench {
    pub(super) private: Vec<u8>,
    pub(super) key: Key,
    pub(super) keys: KeySet,
    pub(super) rules: TokenRules,
    pub(super) entropy: Counting,
    pub(super) now: Timestamp,
}

pub(super) fn bench() -> Bench {
    let entropy = Counting::default();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let private = generate(&entropy);
    let key = Key::read(&private, KeyTimes::at_once(now)).unwrap();
    let keys = KeySet::new(vec![key.clone()]);
    let rules = TokenRules::new("gathering".into(), "gathering-api".into(), MAX_LIFETIME);
    Bench {
        private,
        key,
        keys,
        rules,
        entropy,
        now,
    }
}

impl Bench {
    pub(super) fn subject(&self) -> Subject {
        Subject {
            user_id: UserId::new(self.now, &self.entropy),
            session_id: SessionId::new(self.now, &self.entropy),
            email: "ada@example.org".into(),
            role: Role::Member,
            default_project_id: ProjectId::new(self.now, &self.entropy),
        }
    }

    pub(super) fn good(&self) -> String {
        let claims = self.rules.claims(self.subject(), self.now, &self.entropy);
        sign(&self.keys, &claims, self.now).unwrap().expose_secret().to_owned()
    }

    pub(super) fn good_claims(&self) -> Value {
        serde_json::to_value(self.rules.claims(self.subject(), self.now, &self.entropy)).unwrap()
    }

    pub(super) fn good_header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.key.kid})
    }

    /// Signs any header and claims with the true key.
    pub(super) fn signed(&self, header: &Value, claims: &Value) -> String {
        self.signed_text(&header.to_string(), &claims.to_string())
    }

    /// Signs what may not even be JSON.
    pub(super) fn signed_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&self.private).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())))
    }

    pub(super) fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.good_claims();
        claims[name] = value;
        self.signed(&self.good_header(), &claims)
    }

    pub(super) fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.good_header();
        header[name] = value;
        self.signed(&header, &self.good_claims())
    }

    pub(super) fn refused(&self, token: &str) -> TokenError {
        self.rules.verify(&self.keys, token, self.now).unwrap_err()
    }

    pub(super) fn at(&self, token: &str, seconds: i64) -> Result<(), TokenError> {
        self.rules
            .verify(&self.keys, token, self.now + SignedDuration::from_secs(seconds))
            .map(drop)
    }
}

pub(super) fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", part(header), part(claims))
}

pub(super) fn without(value: &Value, name: &str) -> Value {
    let mut copy = value.clone();
    copy.as_object_mut().unwrap().remove(name);
    copy
}
