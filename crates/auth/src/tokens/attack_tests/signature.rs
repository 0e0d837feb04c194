//! What a good token is, and signatures that are not good.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gathering_domain::signing_key::KeyTimes;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::bench::bench;
use crate::tokens::error::TokenError;
use crate::tokens::key::{Key, generate};
use crate::tokens::key_set::KeySet;
use crate::tokens::rules::sign;

#[test]
fn a_good_token_is_accepted_and_says_what_was_put_in() {
    let bench = bench();
    let claims = bench.rules.claims(bench.subject(), bench.now, &bench.entropy);
    let token = sign(&bench.keys, &claims, bench.now).unwrap();
    assert_eq!(
        bench.rules.verify(&bench.keys, token.expose_secret(), bench.now),
        Ok(claims)
    );
}

#[test]
fn the_header_names_type_algorithm_and_key() {
    let bench = bench();
    let token = bench.good();
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap(), bench.good_header());
}

#[test]
fn another_keys_signature_under_a_known_key_id_is_refused() {
    let bench = bench();
    let foreign = Key::read(&generate(&bench.entropy), KeyTimes::at_once(bench.now)).unwrap();
    let claims = bench.rules.claims(bench.subject(), bench.now, &bench.entropy);
    let posing = Key {
        kid: bench.key.kid.clone(),
        ..foreign
    };
    let token = sign(&KeySet::new(vec![posing]), &claims, bench.now).unwrap();
    assert_eq!(bench.refused(token.expose_secret()), TokenError::WrongSignature);
}

#[test]
fn any_changed_character_is_refused() {
    let bench = bench();
    let token = bench.good();
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(
            bench.rules.verify(&bench.keys, &changed, bench.now).is_err(),
            "position {position}"
        );
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let bench = bench();
    let good = bench.good();
    let long = format!("{good}{}", "A".repeat(5000));
    let doubled = format!("{good}.{good}");
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "Bearer x",
        "ä.ö.ü",
        &good[..good.len() / 2],
        &long,
        &doubled,
    ] {
        assert_eq!(bench.refused(token), TokenError::Malformed, "{token}");
    }
}

#[test]
fn a_token_with_the_signature_cut_off_is_refused() {
    let bench = bench();
    let good = bench.good();
    let (message, _) = good.rsplit_once('.').unwrap();
    assert_eq!(bench.refused(&format!("{message}.")), TokenError::WrongSignature);
}

#[test]
fn tokens_of_an_older_key_stay_valid_and_the_younger_key_signs() {
    let bench = bench();
    let old_token = bench.good();
    let begins = bench.now + SignedDuration::from_secs(2);
    let younger = Key::read(&generate(&bench.entropy), KeyTimes::at_once(begins)).unwrap();
    let kid = younger.kid.clone();
    let keys = KeySet::new(vec![younger, bench.key.clone()]);
    assert_eq!(keys.signing(bench.now).unwrap().kid, bench.key.kid);
    assert_eq!(keys.signing(begins).unwrap().kid, kid);
    assert!(
        bench
            .rules
            .verify(&keys, &old_token, bench.now + SignedDuration::from_secs(3))
            .is_ok()
    );
    assert_eq!(keys.jwks(bench.now).keys.len(), 2);
    assert_eq!(keys.jwks(bench.now + SignedDuration::from_hours(1)).keys.len(), 1);
}
