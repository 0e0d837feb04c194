//! API keys: shown once, for some things only, over on their day, and ended everywhere.

use std::time::Duration;

use gathering_auth::{Accounts, Credential, Error, Identity, MadeApiKey, NewApiKey, Operator, TokenError};
use gathering_domain::ProjectId;
use gathering_domain::policy::{Role, Scope, Scopes};
use secrecy::ExposeSecret as _;

use crate::support::{Bench, first_page, password, problems, somebody};

fn new(scopes: &[Scope]) -> NewApiKey {
    NewApiKey {
        name: "deployments".to_owned(),
        scopes: scopes.to_vec(),
        project_id: None,
        lifetime: None,
    }
}

async fn with_key() -> (Bench, Accounts, Identity, MadeApiKey) {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let ada = somebody(&accounts, "ada@example.org").await;
    let made = accounts.create_api_key(&ada, new(&[Scope::Read, Scope::Run])).await;
    (bench, accounts, ada, made.unwrap())
}

async fn come_in(accounts: &Accounts, key: &MadeApiKey) -> Result<Identity, Error> {
    accounts.authenticate(key.key.expose_secret()).await
}

fn is_refused(outcome: &Result<Identity, Error>) -> bool {
    matches!(outcome, Err(Error::Token(TokenError::Revoked)))
}

#[tokio::test]
async fn a_key_says_who_comes_and_for_what() {
    let (_bench, accounts, ada, made) = with_key().await;
    let identity = come_in(&accounts, &made).await.unwrap();
    assert_eq!((identity.user_id, identity.session_id()), (ada.user_id, None));
    let scopes = Scopes::from_iter([Scope::Read, Scope::Run]);
    let Credential::ApiKey { id, scopes: found, .. } = identity.credential else {
        panic!("not a key")
    };
    assert_eq!((id, found), (made.about.id, scopes));
    assert_eq!(identity.expires_at, made.about.expires_at);
}

#[tokio::test]
async fn a_key_is_kept_as_a_hash_and_listed_by_how_it_begins() {
    let (bench, accounts, ada, made) = with_key().await;
    let text = made.key.expose_secret().to_owned();
    let listed = accounts.api_keys(&ada, first_page()).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert!(text.starts_with("gak_") && text.starts_with(&listed[0].hint));
    assert!(!serde_json::to_string(&listed).unwrap().contains(&text[12..]));
    let row: String = bench
        .connection()
        .await
        .query_one("SELECT api_keys::text FROM api_keys", &[])
        .await
        .unwrap()
        .get(0);
    assert!(!row.contains(&text[12..]));
}

#[tokio::test]
async fn a_key_that_was_used_a_moment_ago_is_checked_without_a_query() {
    let (bench, accounts, _, made) = with_key().await;
    accounts.catch_up().await.unwrap();
    come_in(&accounts, &made).await.unwrap();
    bench.pool.close();
    come_in(&accounts, &made).await.unwrap();
    let unknown = accounts
        .authenticate(&made.key.expose_secret().replace("gak_", "gak_A"))
        .await;
    assert!(unknown.is_err());
}

#[tokio::test]
async fn a_key_that_was_ended_is_refused_here_at_once_and_elsewhere_with_the_next_reading() {
    let (bench, accounts, ada, made) = with_key().await;
    let other = bench.instance(2).await;
    for accounts in [&accounts, &other] {
        accounts.catch_up().await.unwrap();
        come_in(accounts, &made).await.unwrap();
    }
    assert!(accounts.end_api_key(&ada, made.about.id).await.unwrap());
    assert!(is_refused(&come_in(&accounts, &made).await));
    other.catch_up().await.unwrap();
    assert!(is_refused(&come_in(&other, &made).await));
    assert!(is_refused(&come_in(&bench.instance(3).await, &made).await));
    assert!(!accounts.end_api_key(&ada, made.about.id).await.unwrap());
}

#[tokio::test]
async fn a_key_is_over_on_its_day_also_where_it_is_remembered() {
    let (bench, accounts, ada, _) = with_key().await;
    let short = NewApiKey {
        lifetime: Some(Duration::from_mins(5)),
        ..new(&[Scope::Read])
    };
    let made = accounts.create_api_key(&ada, short).await.unwrap();
    accounts.catch_up().await.unwrap();
    come_in(&accounts, &made).await.unwrap();
    bench.clock.advance(Duration::from_mins(5));
    assert!(is_refused(&come_in(&accounts, &made).await));
    assert_eq!(accounts.api_keys(&ada, first_page()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn with_the_user_the_keys_go() {
    let (_bench, accounts, ada, made) = with_key().await;
    accounts.catch_up().await.unwrap();
    come_in(&accounts, &made).await.unwrap();
    accounts.disable(ada.user_id, Operator::CommandLine).await.unwrap();
    assert!(is_refused(&come_in(&accounts, &made).await));
    let refused = accounts.create_api_key(&ada, new(&[Scope::Read])).await;
    assert!(matches!(refused, Err(Error::UnknownUser(_))));
    accounts.enable(ada.user_id, Operator::CommandLine).await.unwrap();
    assert!(is_refused(&come_in(&accounts, &made).await));

    // The old session has ended, and makes no keys any more.
    let refused = accounts.create_api_key(&ada, new(&[Scope::Read])).await;
    assert!(matches!(refused, Err(Error::Token(TokenError::Revoked))));
    let tokens = accounts.login("ada@example.org", password()).await.unwrap();
    let ada = accounts
        .authenticate(tokens.access_token.expose_secret())
        .await
        .unwrap();
    let again = accounts.create_api_key(&ada, new(&[Scope::Read])).await.unwrap();
    come_in(&accounts, &again).await.unwrap();
    accounts
        .set_role(ada.user_id, Role::Viewer, Operator::CommandLine)
        .await
        .unwrap();
    assert!(is_refused(&come_in(&accounts, &again).await));
}

#[tokio::test]
async fn nobody_ends_or_sees_the_key_of_somebody_else() {
    let (_bench, accounts, _, made) = with_key().await;
    let eve = somebody(&accounts, "eve@example.org").await;
    assert!(!accounts.end_api_key(&eve, made.about.id).await.unwrap());
    assert!(accounts.api_keys(&eve, first_page()).await.unwrap().items.is_empty());
    come_in(&accounts, &made).await.unwrap();
}

#[tokio::test]
async fn a_key_cannot_log_out_and_a_key_for_one_project_stands_elsewhere_to_all_others() {
    let (_bench, accounts, ada, _) = with_key().await;
    let project = accounts.create_project(&ada, "shared").await.unwrap().id;
    let only = NewApiKey {
        project_id: Some(project),
        ..new(&[Scope::Read])
    };
    let made = accounts.create_api_key(&ada, only).await.unwrap();
    let identity = come_in(&accounts, &made).await.unwrap();
    assert!(matches!(accounts.logout(&identity).await, Err(Error::LoginNeeded)));
    let standing = async |id: ProjectId| format!("{:?}", accounts.standing(&identity, id).await.unwrap());
    assert_eq!(standing(project).await, "Member(Owner)");
    assert_eq!(standing(ada.default_project_id).await, "Elsewhere");
}

#[tokio::test]
async fn all_that_is_wrong_with_a_key_is_said_at_once_and_there_are_a_hundred_at_most() {
    let (bench, accounts, ada, _) = with_key().await;
    let wrong = NewApiKey {
        name: " ".to_owned(),
        scopes: Vec::new(),
        project_id: None,
        lifetime: Some(Duration::from_secs(1)),
    };
    let refused = accounts.create_api_key(&ada, wrong).await;
    assert_eq!(
        problems(&refused),
        [
            ("name", "invalid_value"),
            ("scopes", "missing"),
            ("expires_in", "invalid_value")
        ]
    );
    for _ in 1..100 {
        accounts.create_api_key(&ada, new(&[Scope::Read])).await.unwrap();
    }
    let refused = accounts.create_api_key(&ada, new(&[Scope::Read])).await;
    assert!(matches!(refused, Err(Error::LimitReached { most: 100, .. })));
    bench.clock.advance(Duration::from_hours(24 * 92));
    assert_eq!(accounts.purge().await.unwrap(), 101);
}
