//! Signing keys change: published first, in use later, refused after a leak, forgotten when nothing of theirs is alive.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use gathering_auth::{Accounts, Error, Operator, TokenError, signing_keys};
use gathering_testkit::eventually;

use crate::support::{Bench, register, token};

const READY: Duration = Duration::from_mins(10);
const LIMIT: Duration = Duration::from_secs(30);

async fn two_instances() -> (Bench, Accounts, Accounts) {
    let bench = Bench::new().await;
    let (one, other) = (bench.instance(1).await, bench.instance(2).await);
    register(&one).await;
    bench.clock.advance(Duration::from_mins(1));
    (bench, one, other)
}

async fn states(bench: &Bench) -> Vec<&'static str> {
    let keys = signing_keys(&bench.connection().await, bench.now()).await.unwrap();
    keys.iter().map(|key| key.state).collect()
}

fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Token(TokenError::UnknownKey))
}

/// The id in the header of a token.
fn kid(token: &str) -> String {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_key_is_published_at_once_and_signs_everywhere_ten_minutes_later() {
    let (bench, one, other) = two_instances().await;
    let old = token(&other).await;
    let rotated = one.rotate_keys(false, Operator::CommandLine).await.unwrap();
    assert_eq!((rotated.is_new, rotated.signs_from), (true, bench.now() + READY));
    other.catch_up().await.unwrap();
    for instance in [&one, &other] {
        assert_eq!(instance.jwks().keys[0].kid, rotated.kid);
        assert_eq!(instance.jwks().keys.len(), 2);
        assert_eq!(kid(&token(instance).await), kid(&old));
    }
    assert_eq!(states(&bench).await, ["signing", "waiting"]);

    bench.clock.advance(READY);
    let new = token(&other).await;
    assert_eq!(kid(&new), rotated.kid);
    assert_eq!(kid(&token(&one).await), rotated.kid);
    for instance in [&one, &other] {
        assert!(instance.authenticate(&old).await.is_ok());
        assert!(instance.authenticate(&new).await.is_ok());
    }
    assert_eq!(states(&bench).await, ["verifying", "signing"]);
}

#[tokio::test]
async fn a_key_that_waits_is_not_followed_by_another_but_may_be_told_to_sign_at_once() {
    let (bench, one, other) = two_instances().await;
    let rotated = one.rotate_keys(false, Operator::CommandLine).await.unwrap();
    let again = other.rotate_keys(false, Operator::CommandLine).await.unwrap();
    assert_eq!((again.is_new, &again.kid), (false, &rotated.kid));
    assert_eq!(again.signs_from, rotated.signs_from);
    let now = other.rotate_keys(true, Operator::CommandLine).await.unwrap();
    assert_eq!(
        (now.is_new, &now.kid, now.signs_from),
        (false, &rotated.kid, bench.now())
    );
    assert_eq!(kid(&token(&other).await), rotated.kid);
    one.catch_up().await.unwrap();
    assert_eq!(kid(&token(&one).await), rotated.kid);
    assert_eq!(bench.count("signing_keys").await, 2);
}

#[tokio::test]
async fn of_many_instances_one_makes_the_next_key_when_it_is_due() {
    let bench = Bench::new().await;
    let instances = join_all((1..=6).map(|instance| bench.instance(instance))).await;
    register(&instances[0]).await;
    bench
        .clock
        .advance(Duration::from_hours(24 * 90) - Duration::from_secs(1));
    assert_eq!(instances[0].rotate_if_due().await.unwrap(), None);
    bench.clock.advance(Duration::from_secs(1));
    let rotated = join_all(instances.iter().map(Accounts::rotate_if_due)).await;
    let made: Vec<_> = rotated.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].signs_from, bench.now() + READY);
    assert_eq!(bench.count("signing_keys").await, 2);
    assert_eq!(
        bench
            .count("audit WHERE action = 'signing_key_rotated' AND detail LIKE 'by its age; signs from %'")
            .await,
        1
    );
    let never = bench.builder(7).signing_key_lifetime(None).build().await.unwrap();
    bench.clock.advance(Duration::from_hours(24 * 1000));
    assert_eq!(never.rotate_if_due().await.unwrap(), None);
}

#[tokio::test]
async fn the_tokens_of_a_retired_key_are_refused_here_at_once_and_there_with_the_next_look() {
    let (bench, one, other) = two_instances().await;
    let leaked = token(&one).await;
    one.catch_up().await.unwrap();
    other.catch_up().await.unwrap();
    assert!(one.retire_key(&kid(&leaked), Operator::CommandLine).await.unwrap());
    assert!(is_unknown(&one.authenticate(&leaked).await.unwrap_err()));
    other.catch_up().await.unwrap();
    assert!(is_unknown(&other.authenticate(&leaked).await.unwrap_err()));
    assert_eq!(states(&bench).await, ["retired", "signing"]);
    for (signer, verifier) in [(&one, &other), (&other, &one)] {
        let new = token(signer).await;
        assert!(verifier.authenticate(&new).await.is_ok());
        assert_eq!(verifier.jwks().keys.len(), 1);
    }
    assert!(!other.retire_key(&kid(&leaked), Operator::CommandLine).await.unwrap());
    let unknown = other.retire_key("nobody's", Operator::CommandLine).await;
    assert!(matches!(unknown, Err(Error::UnknownKey(kid)) if kid == "nobody's"));
    assert_eq!(bench.count("audit WHERE action = 'signing_key_retired'").await, 1);
}

#[tokio::test]
async fn who_is_not_in_step_asks_for_the_key_too_and_lets_nobody_in_while_that_cannot_be_told() {
    let (bench, one, other) = two_instances().await;
    let leaked = token(&one).await;
    // It never caught up, so that it asks about each token.
    assert!(other.authenticate(&leaked).await.is_ok());
    one.retire_key(&kid(&leaked), Operator::CommandLine).await.unwrap();
    assert!(is_unknown(&other.authenticate(&leaked).await.unwrap_err()));

    let third = bench.instance(3).await;
    let good = token(&third).await;
    bench.pool.close();
    assert!(matches!(third.authenticate(&good).await, Err(Error::Database(_))));
}

#[tokio::test]
async fn an_instance_at_work_learns_of_a_retired_key_by_itself() {
    let (_bench, one, other) = two_instances().await;
    let (leaked, other) = (token(&one).await, Arc::new(other));
    let keeper = other.start();
    eventually("it is in step", LIMIT, async || {
        other.authenticate(&leaked).await.is_ok()
    })
    .await;
    one.retire_key(&kid(&leaked), Operator::CommandLine).await.unwrap();
    eventually("the other refuses", LIMIT, async || {
        other.authenticate(&leaked).await.is_err_and(|error| is_unknown(&error))
    })
    .await;
    keeper.shutdown().await;
}

#[tokio::test]
async fn a_waiting_key_that_is_retired_leaves_the_present_one_signing() {
    let (bench, one, _) = two_instances().await;
    let before = token(&one).await;
    let waiting = one.rotate_keys(false, Operator::CommandLine).await.unwrap().kid;
    one.retire_key(&waiting, Operator::CommandLine).await.unwrap();
    bench.clock.advance(READY * 2);
    assert_eq!(kid(&token(&one).await), kid(&before));
    assert_eq!(states(&bench).await, ["signing", "retired"]);
}

#[tokio::test]
async fn keys_are_forgotten_when_no_token_of_theirs_can_be_alive() {
    let (bench, one, _) = two_instances().await;
    let first = kid(&token(&one).await);
    one.rotate_keys(true, Operator::CommandLine).await.unwrap();
    bench.clock.advance(Duration::from_mins(1));
    let second = kid(&token(&one).await);
    one.retire_key(&second, Operator::CommandLine).await.unwrap();
    assert_eq!(bench.count("signing_keys").await, 3);
    bench.clock.advance(Duration::from_mins(29) - Duration::from_secs(1));
    assert_eq!(one.purge_keys().await.unwrap(), 0);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(one.purge_keys().await.unwrap(), 1);
    assert_eq!(bench.count(&format!("signing_keys WHERE kid = '{first}'")).await, 0);
    bench.clock.advance(Duration::from_hours(24));
    assert_eq!(one.purge_keys().await.unwrap(), 1);
    assert_eq!(states(&bench).await, ["signing"]);
}

#[tokio::test]
async fn no_more_keys_are_made_than_instances_can_read() {
    let (bench, one, _) = two_instances().await;
    for _ in 1..50 {
        one.rotate_keys(true, Operator::CommandLine).await.unwrap();
        bench.clock.advance(Duration::from_secs(1));
    }
    let refused = one.rotate_keys(true, Operator::CommandLine).await;
    assert!(matches!(refused, Err(Error::TooManyKeys { keys: 50 })), "{refused:?}");
    bench.clock.advance(Duration::from_mins(16));
    assert!(one.rotate_keys(true, Operator::CommandLine).await.is_ok());
}

#[tokio::test]
async fn a_refusal_of_a_key_is_never_taken_back() {
    let (bench, one, _) = two_instances().await;
    let leaked = kid(&token(&one).await);
    one.retire_key(&leaked, Operator::CommandLine).await.unwrap();
    let back = "UPDATE signing_keys SET refused_at = NULL WHERE refused_at IS NOT NULL";
    let refused = bench.connection().await.execute(back, &[]).await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("stays so"));
}
