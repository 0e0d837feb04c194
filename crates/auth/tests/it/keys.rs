//! Signing keys, shared by all instances of a database.

use std::time::Duration;

use futures::future::join_all;
use gathering_auth::{Accounts, Error, TokenError};

use crate::support::{Bench, log_in, register, token};

#[tokio::test]
async fn instances_that_start_at_once_agree_on_one_key() {
    let bench = Bench::new().await;
    // Connections that are open already, so that no instance is done before the next begins.
    drop(join_all((1..=6).map(|_| bench.connection())).await);
    let instances = join_all((1..=6).map(|instance| bench.instance(instance))).await;
    assert_eq!(bench.count("signing_keys").await, 1);
    for instance in &instances {
        assert_eq!(instance.jwks(), instances[0].jwks());
    }
}

#[tokio::test]
async fn a_token_is_accepted_after_a_restart_and_by_every_instance() {
    let bench = Bench::new().await;
    let first = bench.instance(1).await;
    register(&first).await;
    let token = token(&first).await;
    let identity = first.authenticate(&token).await.unwrap();
    drop(first);
    assert_eq!(bench.instance(2).await.authenticate(&token).await.unwrap(), identity);
}

#[tokio::test]
async fn a_token_of_another_database_is_refused() {
    let (here, there) = (Bench::new().await, Bench::new().await);
    let (home, abroad) = (here.instance(1).await, there.instance(2).await);
    register(&abroad).await;
    let foreign = token(&abroad).await;
    assert!(matches!(
        home.authenticate(&foreign).await,
        Err(Error::Token(TokenError::UnknownKey))
    ));
}

#[tokio::test]
async fn a_token_of_another_issuer_or_audience_is_refused() {
    let bench = Bench::new().await;
    let ours = bench.instance(1).await;
    register(&ours).await;
    let issuer = token(&bench.builder(2).issuer("other").build().await.unwrap()).await;
    let audience = token(&bench.builder(3).audience("other").build().await.unwrap()).await;
    assert!(matches!(
        ours.authenticate(&issuer).await,
        Err(Error::Token(TokenError::WrongIssuer))
    ));
    assert!(matches!(
        ours.authenticate(&audience).await,
        Err(Error::Token(TokenError::WrongAudience))
    ));
}

#[tokio::test]
async fn an_instance_in_step_with_the_ends_of_sessions_checks_a_token_without_a_query() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let token = token(&accounts).await;
    accounts.catch_up().await.unwrap();
    bench.pool.close();
    assert!(accounts.authenticate(&token).await.is_ok());
}

#[tokio::test]
async fn a_key_that_another_instance_made_is_found_by_its_first_token() {
    let bench = Bench::new().await;
    let old = bench.instance(1).await;
    register(&old).await;
    let old_token = token(&old).await;

    let new = rotate(&bench, 2).await;
    let new_token = token(&new).await;
    assert!(old.authenticate(&new_token).await.is_ok());
    assert!(
        new.authenticate(&old_token).await.is_ok(),
        "the retired key still verifies"
    );
    assert_eq!(old.jwks(), new.jwks());
    assert_eq!(old.jwks().keys.len(), 2);
    assert!(log_in(&old).await.is_ok());
}

#[tokio::test]
async fn unknown_keys_make_the_keys_be_read_once_in_a_while_only() {
    let bench = Bench::new().await;
    let old = bench.instance(1).await;
    register(&old).await;
    let second = token(&rotate(&bench, 2).await).await;
    assert!(old.authenticate(&second).await.is_ok());

    let third = token(&rotate(&bench, 3).await).await;
    assert!(matches!(
        old.authenticate(&third).await,
        Err(Error::Token(TokenError::UnknownKey))
    ));
    bench.clock.advance(Duration::from_secs(3));
    assert!(old.authenticate(&third).await.is_ok());
}

#[tokio::test]
async fn an_unknown_key_is_no_refusal_while_the_keys_cannot_be_read() {
    let bench = Bench::new().await;
    let old = bench.instance(1).await;
    register(&old).await;
    let unknown = token(&rotate(&bench, 2).await).await;
    bench.pool.close();
    assert!(matches!(old.authenticate(&unknown).await, Err(Error::Database(_))));
    assert!(matches!(
        old.authenticate(&unknown).await,
        Err(Error::KeysUnavailable { .. })
    ));
}

#[tokio::test]
async fn a_retired_keys_tokens_die_with_their_lifetime() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    rotate(&bench, 2).await;
    bench.clock.advance(Duration::from_mins(16));
    accounts.reload_keys().await.unwrap();
    assert_eq!(accounts.jwks().keys.len(), 1);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_left_out_and_stops_nothing() {
    let bench = Bench::new().await;
    bench
        .execute(
            "INSERT INTO signing_keys (kid, private_key, created_at) VALUES
             (repeat('A', 43), decode(repeat('00', 48), 'hex'), '2020-01-01T00:00:00Z')",
        )
        .await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    assert!(log_in(&accounts).await.is_ok());
    assert_eq!(accounts.jwks().keys.len(), 1);
}

/// Retires every key and starts an instance, which makes a new one.
async fn rotate(bench: &Bench, instance: u64) -> Accounts {
    bench
        .execute("UPDATE signing_keys SET retired_at = created_at WHERE retired_at IS NULL")
        .await;
    bench.instance(instance).await
}
