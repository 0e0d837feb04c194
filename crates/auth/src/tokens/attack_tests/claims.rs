//! Claims that are missing, malformed, meant for others, too early or too late.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::bench::{bench, without};
use crate::tokens::error::TokenError;

#[test]
fn the_claims_are_those_of_the_contract() {
    let claims = bench().good_claims();
    let names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "email", "role", "project"
        ]
    );
    assert_eq!(
        URL_SAFE_NO_PAD.decode(claims["jti"].as_str().unwrap()).unwrap().len(),
        16
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
}

#[test]
fn another_issuer_or_audience_is_refused() {
    let bench = bench();
    assert_eq!(
        bench.refused(&bench.with_claim("iss", "evil".into())),
        TokenError::WrongIssuer
    );
    assert_eq!(
        bench.refused(&bench.with_claim("aud", "another-api".into())),
        TokenError::WrongAudience
    );
    assert_eq!(
        bench.refused(&bench.with_claim("aud", json!(["gathering-api"]))),
        TokenError::InvalidClaims
    );
}

#[test]
fn a_missing_or_malformed_claim_is_refused() {
    let bench = bench();
    for name in [
        "iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "email", "project",
    ] {
        let token = bench.signed(&bench.good_header(), &without(&bench.good_claims(), name));
        assert_eq!(bench.refused(&token), TokenError::InvalidClaims, "{name} missing");
        assert_eq!(
            bench.refused(&bench.with_claim(name, Value::Null)),
            TokenError::InvalidClaims,
            "{name} null"
        );
        assert_eq!(
            bench.refused(&bench.with_claim(name, json!({}))),
            TokenError::InvalidClaims,
            "{name} object"
        );
    }
    assert_eq!(
        bench.refused(&bench.with_claim("sub", "root".into())),
        TokenError::InvalidClaims
    );
    assert_eq!(
        bench.refused(&bench.with_claim("exp", json!("1900000000"))),
        TokenError::InvalidClaims
    );
    assert_eq!(
        bench.refused(&bench.with_claim("exp", json!(1e300))),
        TokenError::InvalidClaims
    );
}

#[test]
fn a_token_expires_five_seconds_late_at_most() {
    let bench = bench();
    let token = bench.good();
    assert_eq!(bench.at(&token, 899), Ok(()));
    assert_eq!(bench.at(&token, 904), Ok(()));
    assert_eq!(bench.at(&token, 905), Err(TokenError::Expired));
    assert_eq!(bench.at(&token, 1_000_000), Err(TokenError::Expired));
}

#[test]
fn a_token_is_valid_five_seconds_early_at_most() {
    let bench = bench();
    let token = bench.good();
    assert_eq!(bench.at(&token, -5), Ok(()));
    assert_eq!(bench.at(&token, -6), Err(TokenError::NotYetValid));
}

#[test]
fn times_at_the_edge_of_the_numbers_do_not_overflow() {
    let bench = bench();
    assert_eq!(
        bench.at(&bench.with_claim("exp", json!(0)), 0),
        Err(TokenError::Expired)
    );
    assert_eq!(
        bench.at(&bench.with_claim("exp", json!(i64::MIN)), 0),
        Err(TokenError::InvalidClaims)
    );
    assert_eq!(
        bench.at(&bench.with_claim("exp", json!(i64::MAX)), 0),
        Err(TokenError::InvalidClaims)
    );
    assert_eq!(
        bench.at(&bench.with_claim("nbf", json!(i64::MAX)), 0),
        Err(TokenError::NotYetValid)
    );
}

#[test]
fn no_two_tokens_have_the_same_id() {
    let bench = bench();
    assert_ne!(bench.good_claims()["jti"], bench.good_claims()["jti"]);
}

#[test]
fn a_claim_said_twice_is_refused() {
    let bench = bench();
    let claims = bench.good_claims().to_string();
    for twice in [
        r#""exp":9999999999"#,
        r#""aud":"gathering-api""#,
        r#""sub":"00000000-0000-0000-0000-000000000000""#,
    ] {
        let claims = claims.replacen('{', &format!("{{{twice},"), 1);
        let token = bench.signed_text(&bench.good_header().to_string(), &claims);
        assert_eq!(bench.refused(&token), TokenError::InvalidClaims, "{twice}");
    }
}

#[test]
fn claims_that_are_not_an_object_are_refused() {
    let bench = bench();
    for claims in ["", "null", "[]", "7", "{", "\u{0}"] {
        let token = bench.signed_text(&bench.good_header().to_string(), claims);
        assert_eq!(bench.refused(&token), TokenError::InvalidClaims, "{claims}");
    }
}

#[test]
fn a_claim_that_a_later_release_adds_does_not_matter() {
    let bench = bench();
    assert_eq!(bench.at(&bench.with_claim("roles", json!(["admin"])), 0), Ok(()));
}

#[test]
fn a_token_that_lives_longer_than_any_of_ours_is_refused() {
    let bench = bench();
    let claims = bench.good_claims();
    let issued = claims["iat"].as_i64().unwrap();
    let longer = bench.with_claim("exp", (issued + 901).into());
    assert_eq!(bench.refused(&longer), TokenError::InvalidClaims);
}
