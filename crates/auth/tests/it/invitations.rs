//! Invitations: good for one registration, for whom and as what they say.

use std::time::Duration;

use gathering_auth::{
    Accounts, Client, Error, Identity, MadeInvitation, NewInvitation, Operator, Registration, RegistrationMode,
};
use gathering_domain::policy::{ProjectRole, Role};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{Bench, first_page, password, problems, somebody};

fn for_anybody() -> NewInvitation {
    NewInvitation {
        email: None,
        role: Role::Member,
        project: None,
        lifetime: None,
    }
}

async fn invite(accounts: &Accounts, new: NewInvitation) -> MadeInvitation {
    accounts.invite(new, Operator::CommandLine).await.unwrap()
}

async fn register(accounts: &Accounts, email: &str, with: Option<&SecretString>) -> Result<(), Error> {
    let registration = Registration {
        email,
        password: password(),
        name: None,
        invitation: with.cloned(),
    };
    accounts.register_from(registration, &Client::default()).await
}

async fn come_in(accounts: &Accounts, email: &str) -> Identity {
    let tokens = accounts.login(email, password()).await.unwrap();
    accounts
        .authenticate(tokens.access_token.expose_secret())
        .await
        .unwrap()
}

async fn by_invitation_only() -> (Bench, Accounts) {
    let bench = Bench::new().await;
    let accounts = bench.builder(1).registration(RegistrationMode::Invite).build().await;
    (bench, accounts.unwrap())
}

const UNKNOWN: [(&str, &str); 1] = [("invitation", "unknown")];

#[tokio::test]
async fn by_invitation_only_means_with_an_invitation_once() {
    let (_bench, accounts) = by_invitation_only().await;
    let refused = register(&accounts, "ada@example.org", None).await;
    assert!(matches!(refused, Err(Error::RegistrationClosed { .. })));
    let made = invite(&accounts, for_anybody()).await;
    assert_eq!(accounts.invitations(first_page()).await.unwrap().items, [made.about]);
    register(&accounts, "ada@example.org", Some(&made.secret))
        .await
        .unwrap();
    assert_eq!(come_in(&accounts, "ada@example.org").await.role, Role::Member);
    let again = register(&accounts, "eve@example.org", Some(&made.secret)).await;
    assert_eq!(problems(&again), UNKNOWN);
    assert!(accounts.invitations(first_page()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn an_invitation_says_as_what_and_into_which_project() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let ada = somebody(&accounts, "ada@example.org").await;
    let project = accounts.create_project(&ada, "shared").await.unwrap().id;
    let new = NewInvitation {
        role: Role::Viewer,
        project: Some((project, ProjectRole::Editor)),
        ..for_anybody()
    };
    let made = invite(&accounts, new).await;
    register(&accounts, "bob@example.org", Some(&made.secret))
        .await
        .unwrap();
    let bob = come_in(&accounts, "bob@example.org").await;
    assert_eq!(bob.role, Role::Viewer);
    let standing = accounts.standing(&bob, project).await.unwrap();
    assert_eq!(format!("{standing:?}"), "Member(Editor)");
}

#[tokio::test]
async fn an_invitation_for_an_address_is_for_no_other_and_stays_when_another_tries() {
    let (_bench, accounts) = by_invitation_only().await;
    let new = NewInvitation {
        email: Some("Ada@Example.org".to_owned()),
        ..for_anybody()
    };
    let made = invite(&accounts, new).await;
    let refused = register(&accounts, "eve@example.org", Some(&made.secret)).await;
    assert_eq!(problems(&refused), UNKNOWN);
    register(&accounts, "ada@example.ORG", Some(&made.secret))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_invitation_is_used_up_also_by_an_address_that_has_an_account() {
    let (_bench, accounts) = by_invitation_only().await;
    for secret in [
        invite(&accounts, for_anybody()).await.secret,
        invite(&accounts, for_anybody()).await.secret,
    ] {
        register(&accounts, "ada@example.org", Some(&secret)).await.unwrap();
        let again = register(&accounts, "eve@example.org", Some(&secret)).await;
        assert_eq!(problems(&again), UNKNOWN);
    }
}

#[tokio::test]
async fn what_is_over_or_withdrawn_or_made_up_is_no_invitation() {
    let (bench, accounts) = by_invitation_only().await;
    let withdrawn = invite(&accounts, for_anybody()).await;
    let id = withdrawn.about.id;
    assert!(accounts.withdraw_invitation(id, Operator::CommandLine).await.unwrap());
    assert!(!accounts.withdraw_invitation(id, Operator::CommandLine).await.unwrap());
    let over = invite(&accounts, for_anybody()).await;
    bench.clock.advance(Duration::from_hours(24 * 7));
    for secret in [&withdrawn.secret, &over.secret, &"gin_nonsense".into(), &"".into()] {
        let refused = register(&accounts, "ada@example.org", Some(secret)).await;
        assert_eq!(problems(&refused), UNKNOWN);
    }
    let wrong = NewInvitation {
        email: Some("nobody".to_owned()),
        lifetime: Some(Duration::from_hours(24 * 91)),
        ..for_anybody()
    };
    let refused = accounts.invite(wrong, Operator::CommandLine).await;
    assert_eq!(
        problems(&refused),
        [("email", "invalid_format"), ("expires_in", "invalid_value")]
    );
}

#[tokio::test]
async fn of_many_who_register_at_once_with_one_invitation_one_does() {
    let (_bench, accounts) = by_invitation_only().await;
    let made = invite(&accounts, for_anybody()).await;
    let emails: Vec<_> = (0..10).map(|number| format!("user{number}@example.org")).collect();
    let tries = emails
        .iter()
        .map(|email| register(&accounts, email, Some(&made.secret)));
    let outcomes = futures::future::join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
}

#[tokio::test]
async fn where_registration_is_closed_no_invitation_opens_it() {
    let bench = Bench::new().await;
    let accounts = bench
        .builder(1)
        .registration(RegistrationMode::Closed)
        .build()
        .await
        .unwrap();
    let made = invite(&accounts, for_anybody()).await;
    let refused = register(&accounts, "ada@example.org", Some(&made.secret)).await;
    assert!(matches!(refused, Err(Error::RegistrationClosed { .. })));
}
