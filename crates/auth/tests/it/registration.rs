//! Opening accounts.

use futures::future::join_all;
use gathering_auth::{Accounts, Error, PreparedAccount, RegistrationMode};

use crate::support::{Bench, EMAIL, PASSWORD, log_in, password, register};

#[tokio::test]
async fn a_registered_user_logs_in_and_has_a_project_of_their_own() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;

    let identity = log_in(&accounts).await.unwrap();
    let account = accounts.me(identity.user_id).await.unwrap();
    assert_eq!((account.email.as_str(), account.name.as_deref()), (EMAIL, Some("Ada")));
    assert_eq!(
        (account.id, account.default_project_id),
        (identity.user_id, identity.default_project_id)
    );

    let connection = bench.connection().await;
    let (user, project) = (identity.user_id.as_uuid(), identity.default_project_id.as_uuid());
    let owned = "SELECT owner_id = $1 AS own FROM projects WHERE id = $2";
    let row = connection.query_one(owned, &[&user, &project]).await.unwrap();
    assert!(row.get::<_, bool>("own"));
}

#[tokio::test]
async fn registering_a_known_address_answers_the_same_and_changes_nothing() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    accounts
        .register("ADA@EXAMPLE.ORG", "some other unrelated words".into(), Some("Eve"))
        .await
        .unwrap();

    let identity = log_in(&accounts).await.unwrap();
    assert_eq!(
        accounts.me(identity.user_id).await.unwrap().name.as_deref(),
        Some("Ada")
    );
    let taken_over = accounts.login(EMAIL, "some other unrelated words".into()).await;
    assert!(matches!(taken_over, Err(Error::InvalidCredentials)));
    assert_eq!((bench.count("users").await, bench.count("projects").await), (1, 1));
}

/// A transaction that has written nothing commits without waiting for the disk, which could be timed.
#[tokio::test]
async fn registering_a_known_address_also_writes_to_the_log() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let again = accounts.prepare(EMAIL, password(), None).await.unwrap();

    let mut connection = bench.connection().await;
    let tx = connection.transaction().await.unwrap();
    assert_eq!(accounts.insert_in(&tx, &again).await.unwrap(), None);
    let row = tx
        .query_one("SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS wrote", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>("wrote"));
}

#[tokio::test]
async fn of_many_registrations_of_one_address_at_once_one_counts_and_none_fails() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let attempts = ["A", "B", "C", "D"].map(|name| accounts.register(EMAIL, password(), Some(name)));
    for outcome in join_all(attempts).await {
        outcome.unwrap();
    }
    assert_eq!((bench.count("users").await, bench.count("projects").await), (1, 1));
}

#[tokio::test]
async fn strangers_are_refused_unless_registration_is_open() {
    let bench = Bench::new().await;
    for mode in [RegistrationMode::Closed, RegistrationMode::Invite] {
        let accounts = bench.builder(1).registration(mode).build().await.unwrap();
        let refusal = accounts.register(EMAIL, password(), None).await;
        assert!(matches!(refusal, Err(Error::RegistrationClosed { mode: found }) if found == mode));
    }
    assert_eq!(bench.count("users").await, 0);
}

#[tokio::test]
async fn a_prepared_account_is_there_on_commit_and_gone_on_rollback() {
    let bench = Bench::new().await;
    let accounts = bench
        .builder(1)
        .registration(RegistrationMode::Closed)
        .build()
        .await
        .unwrap();
    let account = accounts.prepare(EMAIL, password(), None).await.unwrap();

    insert(&bench, &accounts, &account, false).await;
    assert!(matches!(
        accounts.login(EMAIL, password()).await,
        Err(Error::InvalidCredentials)
    ));
    insert(&bench, &accounts, &account, true).await;
    assert!(log_in(&accounts).await.is_ok());
}

async fn insert(bench: &Bench, accounts: &Accounts, account: &PreparedAccount, commit: bool) {
    let mut connection = bench.connection().await;
    let tx = connection.transaction().await.unwrap();
    assert!(accounts.insert_in(&tx, account).await.unwrap().is_some());
    if commit {
        tx.commit().await.unwrap();
    } else {
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn nothing_that_is_printed_for_debugging_shows_a_secret() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let account = accounts.prepare(EMAIL, password(), None).await.unwrap();
    register(&accounts).await;
    let tokens = accounts.login(EMAIL, password()).await.unwrap();
    let printed = format!("{accounts:?} {account:?} {tokens:?}");
    for secret in [PASSWORD, "$argon2id$", "eyJ"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}
