//! Coming in.

use std::num::NonZeroUsize;
use std::time::Duration;

use futures::future::join_all;
use gathering_auth::{Error, HashParameters, HashingOptions, TokenError};

use crate::support::{Bench, CHEAP, EMAIL, hashing, log_in, password, register, token};

#[tokio::test]
async fn unknown_wrong_and_disabled_get_the_same_answer() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    accounts.register("gone@example.org", password(), None).await.unwrap();
    bench
        .execute("UPDATE users SET disabled_at = created_at WHERE email_key = 'gone@example.org'")
        .await;

    let wrong = accounts.login(EMAIL, "not the right words".into()).await.unwrap_err();
    let unknown = accounts.login("eve@example.org", password()).await.unwrap_err();
    let disabled = accounts.login("gone@example.org", password()).await.unwrap_err();
    let no_address = accounts.login("no address\0", password()).await.unwrap_err();
    for error in [unknown, disabled, no_address] {
        assert_eq!(format!("{error:?} {error}"), format!("{wrong:?} {wrong}"));
    }
}

#[tokio::test]
async fn the_address_is_compared_without_case_and_the_password_with_it() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    assert!(accounts.login(" aDA@eXAMPLE.oRG ", password()).await.is_ok());
    let capitals = accounts.login(EMAIL, "A Few Unrelated Words".into()).await;
    assert!(matches!(capitals, Err(Error::InvalidCredentials)));
}

#[tokio::test]
async fn a_password_is_the_same_however_a_keyboard_composes_its_letters() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let (composed, combining) = (
        "caf\u{e9} und ein paar W\u{f6}rter",
        "cafe\u{301} und ein paar Wo\u{308}rter",
    );
    accounts.register(EMAIL, combining.into(), None).await.unwrap();
    for typed in [composed, combining] {
        assert!(accounts.login(EMAIL, typed.into()).await.is_ok());
    }
    // Its length is that of what is compared: 14 letters and as many marks are not 15 characters.
    let short = accounts
        .register("eve@example.org", "e\u{301}".repeat(14).into(), None)
        .await;
    assert!(matches!(short, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn each_login_opens_a_session_of_its_own() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let (first, second) = (log_in(&accounts).await.unwrap(), log_in(&accounts).await.unwrap());
    assert_eq!(first.user_id, second.user_id);
    assert_ne!(first.session_id(), second.session_id());
}

#[tokio::test]
async fn the_answer_says_how_long_the_token_lives() {
    let bench = Bench::new().await;
    let accounts = bench
        .builder(1)
        .access_token_lifetime(Duration::from_mins(2))
        .build()
        .await
        .unwrap();
    register(&accounts).await;
    let tokens = accounts.login(EMAIL, password()).await.unwrap();
    assert_eq!((tokens.token_type, tokens.expires_in), ("Bearer", 120));

    let token = token(&accounts).await;
    bench.clock.advance(Duration::from_secs(119));
    assert!(accounts.authenticate(&token).await.is_ok());
    bench.clock.advance(Duration::from_secs(6));
    assert!(matches!(
        accounts.authenticate(&token).await,
        Err(Error::Token(TokenError::Expired))
    ));
}

#[tokio::test]
async fn an_access_token_never_lives_longer_than_fifteen_minutes() {
    let bench = Bench::new().await;
    for lifetime in [Duration::ZERO, Duration::from_secs(901), Duration::from_millis(1500)] {
        let refusal = bench.builder(1).access_token_lifetime(lifetime).build().await;
        assert!(
            matches!(
                refusal,
                Err(Error::Setting {
                    setting: "access_token_lifetime",
                    ..
                })
            ),
            "{lifetime:?}"
        );
    }
}

#[tokio::test]
async fn a_disabled_user_is_not_shown_and_cannot_log_in() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let identity = log_in(&accounts).await.unwrap();
    bench.execute("UPDATE users SET disabled_at = created_at").await;
    assert!(matches!(accounts.me(identity.user_id).await, Err(Error::UnknownUser(id)) if id == identity.user_id));
    assert!(matches!(
        accounts.login(EMAIL, password()).await,
        Err(Error::InvalidCredentials)
    ));
}

#[tokio::test]
async fn a_password_is_hashed_again_when_the_parameters_have_risen() {
    let bench = Bench::new().await;
    register(&bench.instance(1).await).await;
    assert!(stored_hash(&bench).await.contains("m=8,t=1,p=1"));

    let raised = hashing(HashParameters {
        memory_kib: 16,
        passes: 2,
        ..CHEAP
    });
    let accounts = bench.builder(2).hashing(raised).build().await.unwrap();
    assert!(accounts.login(EMAIL, "not the right words".into()).await.is_err());
    assert!(stored_hash(&bench).await.contains("m=8,t=1,p=1"));
    accounts.login(EMAIL, password()).await.unwrap();
    let hash = stored_hash(&bench).await;
    assert!(hash.contains("m=16,t=2,p=1"));

    accounts.login(EMAIL, password()).await.unwrap();
    bench.instance(1).await.login(EMAIL, password()).await.unwrap();
    assert_eq!(stored_hash(&bench).await, hash);
}

async fn stored_hash(bench: &Bench) -> String {
    bench
        .connection()
        .await
        .query_one("SELECT password_hash FROM users", &[])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test]
async fn more_logins_than_can_wait_are_told_to_come_back() {
    let bench = Bench::new().await;
    let parameters = HashParameters {
        memory_kib: 65_536,
        passes: 3,
        lanes: 1,
    };
    let options = HashingOptions {
        threads: NonZeroUsize::MIN,
        queue: NonZeroUsize::MIN,
        parameters,
    };
    let accounts = bench.builder(1).hashing(options).build().await.unwrap();
    let attempts = (0..6).map(|_| accounts.login("eve@example.org", password()));
    let outcomes: Vec<Error> = join_all(attempts).await.into_iter().map(Result::unwrap_err).collect();

    let busy = |error: &&Error| matches!(error, Error::Busy { retry_after } if !retry_after.is_zero());
    assert!(outcomes.iter().any(|error| busy(&error)));
    assert!(outcomes.iter().any(|error| matches!(error, Error::InvalidCredentials)));
}

#[tokio::test]
async fn a_lost_database_is_not_mistaken_for_a_wrong_password() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    bench.pool.close();
    assert!(matches!(accounts.login(EMAIL, password()).await, Err(Error::Database(error)) if error.is_unavailable()));
}
