//! What users are on the server, and who says so.

use gathering_auth::{Error, Operator, StillNeeded, TokenError};
use gathering_domain::UserId;
use gathering_domain::policy::Role;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::support::{Bench, first_page, password, problems, somebody};

const LINE: Operator<'static> = Operator::CommandLine;

#[tokio::test]
async fn whoever_becomes_something_else_has_to_come_in_again_and_is_that_then() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let ada = somebody(&accounts, "ada@example.org").await;
    let tokens = accounts.login("ada@example.org", password()).await.unwrap();
    let who = async || accounts.authenticate(tokens.access_token.expose_secret()).await;
    assert!(accounts.set_role(ada.user_id, Role::Member, LINE).await.unwrap());
    assert_eq!(who().await.unwrap().role, Role::Member);
    assert!(accounts.set_role(ada.user_id, Role::Admin, LINE).await.unwrap());
    assert!(matches!(who().await, Err(Error::Token(TokenError::Revoked))));
    let tokens = accounts.login("ada@example.org", password()).await.unwrap();
    let now = accounts
        .authenticate(tokens.access_token.expose_secret())
        .await
        .unwrap();
    assert_eq!(now.role, Role::Admin);
    let unknown = UserId::from(Uuid::from_u128(7));
    assert!(!accounts.set_role(unknown, Role::Admin, LINE).await.unwrap());
}

#[tokio::test]
async fn the_last_administrator_stays_one_also_when_two_go_at_once() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let make = async |email: &str| {
        accounts
            .create_user(email, password(), Role::Admin, LINE)
            .await
            .unwrap()
    };
    let ada = make("ada@example.org").await;
    for outcome in [
        accounts.set_role(ada, Role::Member, LINE).await,
        accounts.disable(ada, LINE).await,
    ] {
        let needed = matches!(outcome, Err(Error::StillNeeded(StillNeeded::LastAdministrator)));
        assert!(needed, "{outcome:?}");
    }
    let bob = make("bob@example.org").await;
    let (one, other) = tokio::join!(accounts.disable(ada, LINE), accounts.set_role(bob, Role::Viewer, LINE));
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
}

#[tokio::test]
async fn an_operator_makes_users_and_resets_their_passwords() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let ada = accounts
        .create_user("Ada@Example.org", password(), Role::Viewer, LINE)
        .await
        .unwrap();
    let taken = accounts
        .create_user("ada@example.ORG", password(), Role::Admin, LINE)
        .await;
    assert_eq!(problems(&taken), [("email", "taken")]);
    let known = accounts.user_by_email("ada@example.org").await.unwrap().unwrap();
    assert_eq!((known.id, known.role), (ada, Role::Viewer));
    let listed = accounts.users(first_page()).await.unwrap().items;
    assert_eq!(listed, [known]);

    let tokens = accounts.login("ada@example.org", password()).await.unwrap();
    let short = accounts.reset_password(ada, "short".into(), LINE).await;
    assert_eq!(problems(&short), [("password", "too_short")]);
    assert!(
        accounts
            .reset_password(ada, "some other unrelated words".into(), LINE)
            .await
            .unwrap()
    );
    let out = accounts.authenticate(tokens.access_token.expose_secret()).await;
    assert!(matches!(out, Err(Error::Token(TokenError::Revoked))));
    assert!(accounts.login("ada@example.org", password()).await.is_err());
    accounts
        .login("ada@example.org", "some other unrelated words".into())
        .await
        .unwrap();
}
