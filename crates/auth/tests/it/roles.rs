//! What users are on the server, and who says so.

use gathering_auth::{
    Accounts, Error, Identity, NewApiKey, NewInvitation, Operator, Registration, StillNeeded, TokenError,
};
use gathering_domain::UserId;
use gathering_domain::policy::{ProjectRole, Role, Scope};
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

async fn admin(accounts: &Accounts, email: &str) -> Identity {
    accounts
        .create_user(email, password(), Role::Admin, LINE)
        .await
        .unwrap();
    let tokens = accounts.login(email, password()).await.unwrap();
    accounts
        .authenticate(tokens.access_token.expose_secret())
        .await
        .unwrap()
}

fn is_out<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Token(TokenError::Revoked)))
}

fn invitation() -> NewInvitation {
    NewInvitation {
        email: None,
        role: Role::Admin,
        project: None,
        lifetime: None,
    }
}

#[tokio::test]
async fn whoever_was_demoted_while_a_request_waited_does_not_undo_it() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let [ada, bob] = [
        admin(&accounts, "ada@example.org").await,
        admin(&accounts, "bob@example.org").await,
    ];
    accounts
        .set_role(bob.user_id, Role::Member, Operator::User(&ada))
        .await
        .unwrap();
    // As a request that was let in before.
    let bob_then = Operator::User(&bob);
    assert!(is_out(&accounts.set_role(bob.user_id, Role::Admin, bob_then).await));
    assert!(is_out(&accounts.disable(ada.user_id, bob_then).await));
    assert!(is_out(&accounts.invite(invitation(), bob_then).await));
    assert!(is_out(
        &accounts
            .create_user("eve@example.org", password(), Role::Admin, bob_then)
            .await
    ));
    accounts.disable(bob.user_id, Operator::User(&ada)).await.unwrap();
    assert!(is_out(&accounts.enable(bob.user_id, bob_then).await));
    let known = accounts.user(bob.user_id).await.unwrap().unwrap();
    assert!(known.role == Role::Member && known.disabled_at.is_some(), "{known:?}");
}

#[tokio::test]
async fn whoever_was_taken_out_of_a_project_does_not_come_back_by_a_request_that_waited() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let ada = somebody(&accounts, "ada@example.org").await;
    let bob = somebody(&accounts, "bob@example.org").await;
    let project = accounts.create_project(&ada, "shared").await.unwrap().id;
    let owner = ProjectRole::Owner;
    accounts.put_member(&ada, project, bob.user_id, owner).await.unwrap();
    accounts.remove_member(&ada, project, bob.user_id).await.unwrap();
    let denied = |outcome: Result<_, Error>| matches!(outcome, Err(Error::Denied { missing: None, .. }));
    assert!(denied(
        accounts.put_member(&bob, project, bob.user_id, owner).await.map(drop)
    ));
    assert!(denied(
        accounts.remove_member(&bob, project, ada.user_id).await.map(drop)
    ));
    assert!(denied(accounts.rename_project(&bob, project, "mine").await.map(drop)));
    assert!(denied(accounts.delete_project(&bob, project).await.map(drop)));
}

#[tokio::test]
async fn what_somebody_invited_counts_no_more_when_they_may_not_invite() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let [ada, bob] = [
        admin(&accounts, "ada@example.org").await,
        admin(&accounts, "bob@example.org").await,
    ];
    let made = accounts.invite(invitation(), Operator::User(&bob)).await.unwrap();
    accounts
        .set_role(bob.user_id, Role::Member, Operator::User(&ada))
        .await
        .unwrap();
    let registration = Registration {
        email: "eve@example.org",
        password: password(),
        name: None,
        invitation: Some(made.secret),
    };
    let refused = accounts
        .register_from(registration, &gathering_auth::Client::default())
        .await;
    assert_eq!(problems(&refused), [("invitation", "unknown")]);
    assert!(accounts.invitations(first_page()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn no_key_changes_its_own_user_or_makes_anybody_powerful() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let ada = admin(&accounts, "ada@example.org").await;
    let bob = admin(&accounts, "bob@example.org").await;
    let new = NewApiKey {
        name: "all".to_owned(),
        scopes: Scope::ALL.to_vec(),
        project_id: None,
        lifetime: None,
    };
    let made = accounts.create_api_key(&ada, new).await.unwrap();
    let key = accounts.authenticate(made.key.expose_secret()).await.unwrap();
    let by_key = Operator::User(&key);
    let needs_login = |outcome: Result<bool, Error>| matches!(outcome, Err(Error::LoginNeeded));
    assert!(needs_login(accounts.disable(ada.user_id, by_key).await));
    assert!(needs_login(accounts.set_role(ada.user_id, Role::Viewer, by_key).await));
    assert!(needs_login(accounts.set_role(bob.user_id, Role::Admin, by_key).await));
    assert!(needs_login(accounts.invite(invitation(), by_key).await.map(|_| true)));
    let project = accounts.create_project(&ada, "shared").await.unwrap().id;
    let put = async |user: UserId, role| accounts.put_member(&key, project, user, role).await.map(|_| true);
    assert!(needs_login(put(ada.user_id, ProjectRole::Viewer).await));
    assert!(needs_login(put(bob.user_id, ProjectRole::Owner).await));
    assert!(put(bob.user_id, ProjectRole::Editor).await.unwrap());
}

#[tokio::test]
async fn administrators_who_decide_about_one_another_at_once_wait_for_their_turn_and_somebody_is_left() {
    let bench = Bench::new().await;
    let instances = [bench.instance(1).await, bench.instance(2).await];
    let mut admins = Vec::new();
    for name in ["a", "b", "c", "d"] {
        admins.push(admin(&instances[0], &format!("{name}@example.org")).await);
    }
    let decisions = (0..64).map(|turn| {
        let (who, whom) = (&admins[turn % 4], &admins[(turn * 7 + 1) % 4]);
        instances[turn % 2].set_role(whom.user_id, Role::Member, Operator::User(who))
    });
    for outcome in futures::future::join_all(decisions).await {
        let refused = matches!(
            outcome,
            Err(Error::Token(_) | Error::StillNeeded(_) | Error::Denied { .. })
        );
        assert!(outcome.is_ok() || refused, "{outcome:?}");
    }
    let left = instances[0].users(first_page()).await.unwrap().items;
    assert!(left.iter().any(|user| user.role == Role::Admin), "{left:?}");
}

#[tokio::test]
async fn what_came_to_nothing_is_in_the_audit_as_well() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let ada = admin(&accounts, "ada@example.org").await;
    accounts
        .set_role(ada.user_id, Role::Member, Operator::User(&ada))
        .await
        .unwrap_err();
    let own = ada.default_project_id;
    accounts.delete_project(&ada, own).await.unwrap_err();
    let nobody = UserId::from(Uuid::from_u128(7));
    accounts
        .put_member(&ada, own, nobody, ProjectRole::Viewer)
        .await
        .unwrap_err();
    let rows = accounts
        .audit(&gathering_auth::AuditFilter::default(), None, 3)
        .await
        .unwrap()
        .items;
    let told: Vec<_> = rows
        .iter()
        .map(|row| format!("{} {}", row.action, row.outcome))
        .collect();
    assert_eq!(told, ["put_member failed", "delete_project failed", "set_role failed"]);
}
