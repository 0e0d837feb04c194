//! Sessions: kept going by refresh tokens, ended by their users, by thieves and by time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use gathering_auth::{Accounts, Client, Error, HashParameters, Identity, IssuedTokens, Operator, TokenError};
use gathering_domain::refresh::GRACE;
use gathering_persistence::PageRequest;
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{Bench, EMAIL, PASSWORD, hashing, password, register};

async fn with_user() -> (Bench, Arc<Accounts>) {
    let bench = Bench::new().await;
    let accounts = Arc::new(bench.instance(1).await);
    register(&accounts).await;
    (bench, accounts)
}

async fn login(accounts: &Accounts) -> IssuedTokens {
    accounts.login(EMAIL, password()).await.unwrap()
}

async fn who(accounts: &Accounts, tokens: &IssuedTokens) -> Result<Identity, Error> {
    accounts.authenticate(tokens.access_token.expose_secret()).await
}

fn text(token: &SecretString) -> String {
    token.expose_secret().to_owned()
}

fn is_refused(result: &Result<IssuedTokens, Error>) -> bool {
    matches!(result, Err(Error::InvalidRefreshToken))
}

fn is_revoked(result: &Result<Identity, Error>) -> bool {
    matches!(result, Err(Error::Token(TokenError::Revoked)))
}

const ALL: PageRequest = PageRequest {
    limit: 200,
    after: None,
};

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_session() {
    let (_bench, accounts) = with_user().await;
    let first = login(&accounts).await;
    let second = accounts
        .refresh(first.refresh_token.clone(), &Client::default())
        .await
        .unwrap();
    let third = accounts
        .refresh(second.refresh_token.clone(), &Client::default())
        .await
        .unwrap();
    let before = who(&accounts, &first).await.unwrap();
    let after = who(&accounts, &third).await.unwrap();
    assert_eq!(
        (before.user_id, before.session_id()),
        (after.user_id, after.session_id())
    );
    let tokens = [&first, &second, &third].map(|tokens| text(&tokens.refresh_token));
    assert_eq!(HashSet::from(tokens).len(), 3);
}

#[tokio::test]
async fn an_exchange_whose_answer_was_lost_is_repeated_with_the_same_result_for_a_moment() {
    let (bench, accounts) = with_user().await;
    let first = login(&accounts).await;
    let lost = accounts
        .refresh(first.refresh_token.clone(), &Client::default())
        .await
        .unwrap();
    bench.clock.advance(GRACE.unsigned_abs());
    let again = accounts
        .refresh(first.refresh_token.clone(), &Client::default())
        .await
        .unwrap();
    assert_eq!(text(&lost.refresh_token), text(&again.refresh_token));
    assert!(accounts.refresh(again.refresh_token, &Client::default()).await.is_ok());
}

#[tokio::test]
async fn of_a_hundred_who_present_one_token_at_once_all_get_the_one_successor() {
    let (bench, accounts) = with_user().await;
    let other = bench.instance(2).await;
    let first = login(&accounts).await;
    let client = Client::default();
    let presenting = (0..100).map(|turn| {
        let instance = if turn % 2 == 0 { &*accounts } else { &other };
        instance.refresh(first.refresh_token.clone(), &client)
    });
    let results = join_all(presenting).await;
    let tokens: HashSet<_> = results
        .iter()
        .map(|result| text(&result.as_ref().unwrap().refresh_token))
        .collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(bench.count("refresh_tokens").await, 2);
    assert_eq!(bench.count("refresh_tokens WHERE used_at IS NULL").await, 1);
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_whole_session_and_no_other() {
    let (bench, accounts) = with_user().await;
    let (stolen, elsewhere) = (login(&accounts).await, login(&accounts).await);
    let owner = accounts
        .refresh(stolen.refresh_token.clone(), &Client::default())
        .await
        .unwrap();
    bench.clock.advance(GRACE.unsigned_abs() + Duration::from_secs(1));
    assert!(is_refused(
        &accounts.refresh(stolen.refresh_token.clone(), &Client::default()).await
    ));
    assert!(is_refused(
        &accounts.refresh(owner.refresh_token.clone(), &Client::default()).await
    ));
    assert!(is_revoked(&who(&accounts, &owner).await));
    assert!(who(&accounts, &elsewhere).await.is_ok());
    assert!(
        accounts
            .refresh(elsewhere.refresh_token, &Client::default())
            .await
            .is_ok()
    );
    assert_eq!(bench.count("sessions WHERE end_reason = 'token_reused'").await, 1);
}

#[tokio::test]
async fn within_the_moment_an_old_token_is_found_out_once_its_successor_was_used() {
    let (_bench, accounts) = with_user().await;
    let first = login(&accounts).await;
    let second = accounts
        .refresh(first.refresh_token.clone(), &Client::default())
        .await
        .unwrap();
    accounts
        .refresh(second.refresh_token, &Client::default())
        .await
        .unwrap();
    assert!(is_refused(
        &accounts.refresh(first.refresh_token.clone(), &Client::default()).await
    ));
    assert!(is_revoked(&who(&accounts, &first).await));
}

#[tokio::test]
async fn what_is_no_refresh_token_of_ours_is_refused_alike() {
    let (_bench, accounts) = with_user().await;
    let tokens = login(&accounts).await;
    let made_up = format!("grt_{}", "A".repeat(43));
    for other in ["", "nonsense", &made_up, tokens.access_token.expose_secret()] {
        assert!(
            is_refused(&accounts.refresh(other.into(), &Client::default()).await),
            "{other}"
        );
    }
    // And a refresh token is no access token.
    let used_as_access = accounts.authenticate(tokens.refresh_token.expose_secret()).await;
    assert!(matches!(used_as_access, Err(Error::Token(TokenError::Malformed))));
}

#[tokio::test]
async fn a_session_is_over_in_the_end_however_often_it_is_refreshed() {
    let bench = Bench::new().await;
    let accounts = bench
        .builder(1)
        .session_lifetime(Duration::from_hours(1))
        .build()
        .await
        .unwrap();
    register(&accounts).await;
    let mut tokens = login(&accounts).await;
    for _ in 0..3 {
        bench.clock.advance(Duration::from_mins(15));
        tokens = accounts
            .refresh(tokens.refresh_token, &Client::default())
            .await
            .unwrap();
    }
    bench.clock.advance(Duration::from_mins(15));
    assert!(is_refused(
        &accounts.refresh(tokens.refresh_token, &Client::default()).await
    ));
}

#[tokio::test]
async fn whoever_logs_out_is_out_at_once_and_of_that_session_only() {
    let (_bench, accounts) = with_user().await;
    let (here, there) = (login(&accounts).await, login(&accounts).await);
    let identity = who(&accounts, &here).await.unwrap();
    accounts.logout(&identity).await.unwrap();
    assert!(is_revoked(&who(&accounts, &here).await));
    assert!(is_refused(
        &accounts.refresh(here.refresh_token, &Client::default()).await
    ));
    assert!(who(&accounts, &there).await.is_ok());
    // And once more changes nothing.
    accounts.logout(&identity).await.unwrap();
}

#[tokio::test]
async fn a_user_sees_their_sessions_and_ends_one_and_nobody_elses() {
    let (_bench, accounts) = with_user().await;
    let phone = Client {
        name: Some("Phone\r\n/1.0".to_owned()),
        address: Some("192.0.2.7".to_owned()),
        request_id: None,
    };
    let lost = accounts.login_from(EMAIL, password(), &phone).await.unwrap();
    let here = who(&accounts, &login(&accounts).await).await.unwrap();
    let listed = accounts.sessions(&here, ALL).await.unwrap().items;
    assert_eq!(listed.iter().map(|one| one.current).collect::<Vec<_>>(), [true, false]);
    assert_eq!(listed[1].client.as_deref(), Some("Phone/1.0"));
    assert_eq!(listed[1].address.as_deref(), Some("192.0.2.7"));

    accounts.register("eve@example.org", password(), None).await.unwrap();
    let eve = accounts.login("eve@example.org", password()).await.unwrap();
    let eve = who(&accounts, &eve).await.unwrap();
    assert!(!accounts.end_session(&eve, listed[1].id).await.unwrap());
    assert!(who(&accounts, &lost).await.is_ok());
    assert!(accounts.end_session(&here, listed[1].id).await.unwrap());
    assert!(!accounts.end_session(&here, listed[1].id).await.unwrap());
    assert!(is_revoked(&who(&accounts, &lost).await));
    assert_eq!(accounts.sessions(&here, ALL).await.unwrap().items.len(), 1);

    accounts.logout_everywhere(&here).await.unwrap();
    assert!(accounts.sessions(&here, ALL).await.unwrap().items.is_empty());
    assert_eq!(accounts.sessions(&eve, ALL).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions() {
    let (_bench, accounts) = with_user().await;
    let (here, there) = (login(&accounts).await, login(&accounts).await);
    let identity = who(&accounts, &here).await.unwrap();
    let new = || SecretString::from("another few unrelated words");
    let codes =
        async |current: &str, new: SecretString| match accounts.change_password(&identity, current.into(), new).await {
            Err(Error::Invalid { problems }) => problems.iter().map(|one| (one.field, one.code)).collect(),
            Ok(()) => Vec::new(),
            Err(other) => panic!("{other}"),
        };
    assert_eq!(
        codes("not the right words", new()).await,
        [("current_password", "wrong")]
    );
    assert_eq!(
        codes("not the right words", "short".into()).await,
        [("current_password", "wrong"), ("new_password", "too_short")]
    );
    assert!(who(&accounts, &there).await.is_ok());

    assert!(codes(PASSWORD, new()).await.is_empty());
    assert!(who(&accounts, &here).await.is_ok());
    assert!(is_revoked(&who(&accounts, &there).await));
    assert!(matches!(
        accounts.login(EMAIL, password()).await,
        Err(Error::InvalidCredentials)
    ));
    assert!(accounts.login(EMAIL, new()).await.is_ok());
}

#[tokio::test]
async fn whoever_is_disabled_is_out_everywhere_until_let_in_again() {
    let (_bench, accounts) = with_user().await;
    let tokens = login(&accounts).await;
    let user = who(&accounts, &tokens).await.unwrap().user_id;
    assert!(accounts.disable(user, Operator::CommandLine).await.unwrap());
    assert!(is_revoked(&who(&accounts, &tokens).await));
    assert!(is_refused(
        &accounts.refresh(tokens.refresh_token, &Client::default()).await
    ));
    assert!(matches!(
        accounts.login(EMAIL, password()).await,
        Err(Error::InvalidCredentials)
    ));
    assert!(accounts.enable(user, Operator::CommandLine).await.unwrap());
    assert!(accounts.login(EMAIL, password()).await.is_ok());
}

#[tokio::test]
async fn with_one_session_too_many_the_one_that_was_used_least_lately_ends() {
    let (bench, accounts) = with_user().await;
    let first = login(&accounts).await;
    let second = login(&accounts).await;
    for _ in 0..98 {
        bench.clock.advance(Duration::from_secs(1));
        login(&accounts).await;
    }
    bench.clock.advance(Duration::from_secs(1));
    let first = accounts.refresh(first.refresh_token, &Client::default()).await.unwrap();
    login(&accounts).await;
    assert!(who(&accounts, &first).await.is_ok());
    assert!(is_refused(
        &accounts.refresh(second.refresh_token, &Client::default()).await
    ));
    assert_eq!(bench.count("sessions WHERE ended_at IS NULL").await, 100);
    let told = "audit WHERE action = 'end_session' AND detail = 'too many were open'";
    assert_eq!(bench.count(told).await, 1);
}

#[tokio::test]
async fn an_instance_in_step_asks_nothing_and_knows_within_a_moment_what_ended_elsewhere() {
    let (bench, accounts) = with_user().await;
    let other = Arc::new(bench.instance(2).await);
    let keeper = other.start();
    let tokens = login(&accounts).await;
    gathering_testkit::eventually("the other instance is in step", Duration::from_secs(10), async || {
        who(&other, &tokens).await.is_ok()
    })
    .await;
    let identity = who(&accounts, &tokens).await.unwrap();
    accounts.logout(&identity).await.unwrap();
    gathering_testkit::eventually("the other instance refuses", Duration::from_secs(10), async || {
        is_revoked(&who(&other, &tokens).await)
    })
    .await;
    keeper.shutdown().await;
}

#[tokio::test]
async fn what_is_known_to_have_ended_is_refused_with_the_database_away_and_what_is_not_is_not_let_in() {
    let (bench, accounts) = with_user().await;
    let (ended, open) = (login(&accounts).await, login(&accounts).await);
    accounts.logout(&who(&accounts, &ended).await.unwrap()).await.unwrap();
    accounts.catch_up().await.unwrap();
    bench.pool.close();
    // In step for a moment still.
    assert!(who(&accounts, &open).await.is_ok());
    assert!(is_revoked(&who(&accounts, &ended).await));
    gathering_testkit::eventually("it is out of step", Duration::from_secs(20), async || {
        matches!(who(&accounts, &open).await, Err(Error::Database(_)))
    })
    .await;
    assert!(is_revoked(&who(&accounts, &ended).await));
}

#[tokio::test]
async fn sessions_that_were_over_a_day_ago_are_forgotten_with_their_tokens() {
    let (bench, accounts) = with_user().await;
    let tokens = login(&accounts).await;
    accounts
        .refresh(tokens.refresh_token, &Client::default())
        .await
        .unwrap();
    bench.clock.advance(Duration::from_hours(24 * 30));
    login(&accounts).await;
    assert_eq!(accounts.purge().await.unwrap(), 0);
    bench.clock.advance(Duration::from_hours(25));
    assert_eq!(accounts.purge().await.unwrap(), 1);
    assert_eq!(
        (bench.count("sessions").await, bench.count("refresh_tokens").await),
        (1, 1)
    );
}

#[tokio::test]
async fn a_session_that_ended_never_changes_again() {
    let (bench, accounts) = with_user().await;
    let identity = who(&accounts, &login(&accounts).await).await.unwrap();
    accounts.logout(&identity).await.unwrap();
    for change in [
        "ended_at = NULL, end_reason = NULL",
        "expires_at = expires_at + interval '1 day'",
    ] {
        let sql = format!("UPDATE sessions SET {change}");
        let refused = bench.connection().await.batch_execute(&sql).await.unwrap_err();
        assert!(format!("{refused:?}").contains("never changes again"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_login_that_is_under_way_while_the_password_changes_does_not_come_in_with_the_old_one() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let here = who(&accounts, &login(&accounts).await).await.unwrap();
    // One thread, and hashes that take their time: the last of these logins compares long after it has read the hash.
    let slow = HashParameters {
        memory_kib: 8_192,
        passes: 2,
        lanes: 1,
    };
    let strong = bench.builder(2).hashing(hashing(slow)).build().await.unwrap();
    accounts
        .change_password(&here, password(), "the first new password".into())
        .await
        .unwrap();
    strong
        .change_password(&here, "the first new password".into(), password())
        .await
        .unwrap();
    let other = bench.builder(3).hashing(hashing(slow)).build().await.unwrap();
    let logins = join_all((0..20).map(|_| other.login(EMAIL, password())));
    let changing = accounts.change_password(&here, password(), "the second new password".into());
    let (logins, changed) = tokio::join!(logins, changing);
    changed.unwrap();
    let refused = logins.iter().filter(|login| login.is_err()).count();
    assert!(refused > 0, "none was under way while the password changed");
    for tokens in logins.into_iter().flatten() {
        assert!(is_refused(
            &accounts.refresh(tokens.refresh_token, &Client::default()).await
        ));
    }
    assert_eq!(bench.count("sessions WHERE ended_at IS NULL").await, 1);
}
