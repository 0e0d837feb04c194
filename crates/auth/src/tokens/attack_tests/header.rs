//! Headers that name another algorithm, key or type than they may.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gathering_domain::signing_key::KeyTimes;
use ring::signature::Ed25519KeyPair;
use serde_json::json;

use super::bench::{bench, unsigned, without};
use crate::tokens::error::TokenError;
use crate::tokens::key::{Key, generate};

#[test]
fn alg_none_is_refused_in_every_spelling() {
    let bench = bench();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let mut header = bench.good_header();
        header["alg"] = alg.into();
        let message = unsigned(&header, &bench.good_claims());
        for token in [
            format!("{message}."),
            message.clone(),
            bench.signed(&header, &bench.good_claims()),
        ] {
            let refusal = bench.refused(&token);
            assert!(
                matches!(refusal, TokenError::Malformed | TokenError::WrongAlgorithm),
                "{alg} {refusal:?}"
            );
        }
    }
}

#[test]
fn hs256_with_the_public_key_as_secret_is_refused() {
    let bench = bench();
    let mut header = bench.good_header();
    header["alg"] = "HS256".into();
    let message = unsigned(&header, &bench.good_claims());
    let public = URL_SAFE_NO_PAD.decode(&bench.key.public).unwrap();
    for secret in [public.as_slice(), bench.key.public.as_bytes()] {
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        let tag = ring::hmac::sign(&secret, message.as_bytes());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert_eq!(bench.refused(&token), TokenError::WrongAlgorithm);
    }
}

#[test]
fn every_other_algorithm_is_refused() {
    let bench = bench();
    for alg in ["HS384", "HS512", "RS256", "PS512", "ES256", "ES384"] {
        assert_eq!(
            bench.refused(&bench.with_header("alg", alg.into())),
            TokenError::WrongAlgorithm,
            "{alg}"
        );
    }
}

#[test]
fn an_unknown_or_missing_key_id_is_refused() {
    let bench = bench();
    for kid in [
        "other",
        "",
        "../../../../dev/null",
        "' OR 1=1 --",
        "https://evil.example/key",
    ] {
        assert_eq!(
            bench.refused(&bench.with_header("kid", kid.into())),
            TokenError::UnknownKey,
            "{kid}"
        );
    }
    let token = bench.signed(&without(&bench.good_header(), "kid"), &bench.good_claims());
    assert_eq!(bench.refused(&token), TokenError::UnknownKey);
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let bench = bench();
    let private = generate(&bench.entropy);
    let foreign = Key::read(&private, KeyTimes::at_once(bench.now)).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": foreign.public, "kid": bench.key.kid});
    let mut header = bench.good_header();
    header["jwk"] = jwk;
    header["jku"] = "https://evil.example/jwks.json".into();
    let message = unsigned(&header, &bench.good_claims());
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&private).unwrap();
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())));
    assert_eq!(bench.refused(&token), TokenError::WrongSignature);
}

#[test]
fn another_type_of_token_is_refused() {
    let bench = bench();
    for typ in ["JWT", "rt+jwt", "", "at+jwt2"] {
        assert_eq!(
            bench.refused(&bench.with_header("typ", typ.into())),
            TokenError::WrongType,
            "{typ}"
        );
    }
    let token = bench.signed(&without(&bench.good_header(), "typ"), &bench.good_claims());
    assert_eq!(bench.refused(&token), TokenError::WrongType);
}

#[test]
fn a_critical_extension_is_refused() {
    let bench = bench();
    assert_eq!(
        bench.refused(&bench.with_header("crit", json!(["b64"]))),
        TokenError::CriticalExtension
    );
}
