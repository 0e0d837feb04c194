//! The audit: everything is in it, and nothing can be taken out of it unnoticed.

use futures::future::join_all;
use gathering_auth::{Accounts, AuditFlaw, AuditReport, Client, Identity, Operator, Registration};
use secrecy::SecretString;

use crate::support::{Bench, EMAIL, PASSWORD, password, register};

fn client() -> Client {
    Client {
        name: Some("Phone/1.0".to_owned()),
        address: Some("192.0.2.7".to_owned()),
        request_id: Some("r-1".to_owned()),
    }
}

/// Each row as `action outcome subject detail`, and whether it says who did it and from where.
async fn rows(bench: &Bench) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', action, outcome, replace(subject, coalesce(session::text, '#'), 'SESSION'), detail,
                                CASE WHEN actor IS NULL THEN 'by nobody known' END, address, request_id) FROM audit ORDER BY seq";
    let rows = bench.connection().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn verify(accounts: &Accounts) -> AuditReport {
    accounts.verify_audit(None, |_, _| {}).await.unwrap()
}

/// Everything that can happen to an account, twice and wrong where that is possible. Gives who is in at its beginning and at its end.
async fn a_life(accounts: &Accounts, client: &Client) -> [Identity; 2] {
    let wrong = || SecretString::from("not the right words");
    for _ in 0..2 {
        let registration = Registration {
            email: EMAIL,
            password: password(),
            name: None,
            invitation: None,
        };
        accounts.register_from(registration, client).await.unwrap();
    }
    accounts.login_from(EMAIL, wrong(), client).await.unwrap_err();
    accounts
        .login_from("eve@example.org", wrong(), client)
        .await
        .unwrap_err();
    accounts.login_from(PASSWORD, wrong(), client).await.unwrap_err();
    let first = accounts.login_from(EMAIL, password(), client).await.unwrap();
    let token =
        |tokens: &gathering_auth::IssuedTokens| secrecy::ExposeSecret::expose_secret(&tokens.access_token).to_owned();
    let identity = accounts
        .authenticate_from(&token(&first), client.clone())
        .await
        .unwrap();
    let second = accounts.refresh(first.refresh_token.clone(), client).await.unwrap();
    accounts.refresh(second.refresh_token, client).await.unwrap();
    accounts.refresh(first.refresh_token, client).await.unwrap_err();
    accounts
        .change_password(&identity, wrong(), "short".into())
        .await
        .unwrap_err();
    accounts.change_password(&identity, password(), wrong()).await.unwrap();
    let here = accounts.login_from(EMAIL, wrong(), client).await.unwrap();
    let here = accounts.authenticate_from(&token(&here), client.clone()).await.unwrap();
    assert!(
        !accounts
            .end_session(&here, identity.session_id().unwrap())
            .await
            .unwrap()
    );
    accounts.logout(&here).await.unwrap();
    accounts.logout_everywhere(&here).await.unwrap();
    accounts.disable(here.user_id, Operator::CommandLine).await.unwrap();
    accounts.enable(here.user_id, Operator::CommandLine).await.unwrap();
    [identity, here]
}

#[tokio::test]
async fn every_event_of_an_account_is_in_it_with_who_and_from_where() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let [identity, here] = a_life(&accounts, &client()).await;
    let from = |text: &str| format!("{text} 192.0.2.7 r-1");
    let told = rows(&bench).await;
    let wanted = [
        from("register done Ada@Example.org"),
        from("register failed Ada@Example.org the address has an account by nobody known"),
        from("login failed Ada@Example.org by nobody known"),
        from("login failed eve@example.org by nobody known"),
        from("login failed what was given is no address by nobody known"),
        from("login done"),
        from("refresh done"),
        from("refresh done"),
        from(&format!(
            "reuse_refresh_token done {} its session is ended by nobody known",
            identity.session_id().unwrap()
        )),
        from("refresh failed by nobody known"),
        from("change_password failed wrong, too_short"),
        from("change_password done"),
        from("login done"),
        from(&format!("end_session failed {}", identity.session_id().unwrap())),
        from("logout done SESSION"),
        from("logout_everywhere done 0 sessions"),
        format!("disable_user done {} by nobody known command line", here.user_id),
        format!("enable_user done {} by nobody known command line", here.user_id),
    ];
    assert_eq!(told, wanted);
    assert!(!told.iter().any(|row| row.contains(PASSWORD)));
    let report = verify(&accounts).await;
    assert_eq!((report.rows, report.flawed), (18, 0), "{:?}", report.flaws);
}

#[tokio::test]
async fn an_unknown_address_a_wrong_password_and_a_disabled_user_leave_the_same_rows() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    bench.execute("UPDATE users SET disabled_at = created_at").await;
    accounts.login(EMAIL, password()).await.unwrap_err();
    bench.execute("UPDATE users SET disabled_at = NULL").await;
    accounts.login(EMAIL, "not the right words".into()).await.unwrap_err();
    bench
        .execute("UPDATE users SET email = 'x@y.z', email_key = 'x@y.z'")
        .await;
    accounts.login(EMAIL, password()).await.unwrap_err();
    let told = rows(&bench).await;
    assert_eq!(told[1..], ["login failed Ada@Example.org by nobody known"; 3]);
}

#[tokio::test]
async fn however_many_write_at_once_the_chain_has_no_gap_and_holds() {
    let bench = Bench::new().await;
    let instances = [bench.instance(1).await, bench.instance(2).await];
    let attempts = (0..100).map(|turn| {
        let accounts = &instances[turn % 2];
        async move { accounts.login("eve@example.org", password()).await }
    });
    assert!(join_all(attempts).await.iter().all(Result::is_err));
    let mut seen = Vec::new();
    let report = instances[0]
        .verify_audit(None, |rows, of| seen.push((rows, of)))
        .await
        .unwrap();
    assert_eq!((report.rows, report.flawed, report.head.0), (100, 0, 100));
    assert_eq!(seen.last(), Some(&(100, 100)));
}

/// What would take something out of the audit.
const TAMPERING: [&str; 3] = [
    "UPDATE audit SET outcome = 'done'",
    "DELETE FROM audit",
    "TRUNCATE audit",
];

#[tokio::test]
async fn the_database_refuses_to_change_it_by_its_rights_and_by_a_trigger() {
    let bench = Bench::new().await;
    bench.instance(1).await.login(EMAIL, password()).await.unwrap_err();
    let connection = bench.connection().await;
    for tampering in TAMPERING {
        let refused = connection.batch_execute(tampering).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{refused:?}");
    }
    connection
        .batch_execute("GRANT ALL ON audit TO CURRENT_USER")
        .await
        .unwrap();
    for tampering in TAMPERING {
        let refused = connection.batch_execute(tampering).await.unwrap_err();
        assert!(format!("{refused:?}").contains("append-only"), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_changed_removed_or_inserted_all_the_same_is_found() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    for _ in 0..10 {
        accounts.login(EMAIL, password()).await.unwrap_err();
    }
    let before = verify(&accounts).await;
    let connection = bench.connection().await;
    connection
        .batch_execute("GRANT ALL ON audit TO CURRENT_USER; ALTER TABLE audit DISABLE TRIGGER USER")
        .await
        .unwrap();
    let flaws = async |tampering: &str| {
        connection.batch_execute(&format!("BEGIN; {tampering}")).await.unwrap();
        connection.batch_execute("COMMIT").await.unwrap();
        verify(&accounts).await.flaws
    };
    let columns = "at, action, outcome, actor, session, subject, address, request_id, detail, hash";
    let inserted = format!("INSERT INTO audit SELECT seq + 1, {columns} FROM audit WHERE seq = 10");
    let found = flaws(&inserted).await;
    assert_eq!(found, [AuditFlaw::Changed { seq: 11 }, AuditFlaw::Inserted { seq: 11 }]);
    assert_eq!(flaws("DELETE FROM audit WHERE seq = 11").await, []);
    let found = flaws("UPDATE audit SET subject = 'eve@example.org' WHERE seq = 4").await;
    assert_eq!(found, [AuditFlaw::Changed { seq: 4 }]);
    let found =
        flaws("UPDATE audit SET subject = 'Ada@Example.org' WHERE seq = 4; DELETE FROM audit WHERE seq IN (6, 7)")
            .await;
    assert_eq!(found, [AuditFlaw::Missing { from: 6, to: 7 }]);
    let found = flaws("DELETE FROM audit WHERE seq > 8").await;
    assert_eq!(
        found,
        [
            AuditFlaw::Missing { from: 6, to: 7 },
            AuditFlaw::Missing { from: 9, to: 10 }
        ]
    );

    connection
        .batch_execute("ALTER TABLE audit DROP CONSTRAINT audit_seq_check, DROP CONSTRAINT audit_pkey")
        .await
        .unwrap();
    let before_the_first = format!("INSERT INTO audit SELECT seq - 5, {columns} FROM audit WHERE seq = 1");
    assert_eq!(flaws(&before_the_first).await[0], AuditFlaw::Inserted { seq: -4 });
    let again =
        format!("DELETE FROM audit WHERE seq < 1; INSERT INTO audit SELECT seq, {columns} FROM audit WHERE seq = 8");
    assert!(flaws(&again).await.contains(&AuditFlaw::Changed { seq: 8 }));
    let unreadable = flaws("UPDATE audit SET at = 'infinity' WHERE seq = 2").await;
    assert!(unreadable.contains(&AuditFlaw::Changed { seq: 2 }), "{unreadable:?}");

    // Who writes all of it anew is found by what was kept elsewhere, and by nothing else.
    let anew = "DELETE FROM audit; UPDATE audit_head SET seq = 0, hash = sha256('')";
    assert_eq!(flaws(anew).await, []);
    for _ in 0..10 {
        accounts.login("other@example.org", password()).await.unwrap_err();
    }
    assert_eq!(verify(&accounts).await.flaws, []);
    let (row, hash) = &before.head;
    let report = accounts.verify_audit(Some((*row, hash)), |_, _| {}).await.unwrap();
    assert_eq!(report.flaws, [AuditFlaw::Unexpected { seq: 10 }]);
}

#[tokio::test]
async fn what_was_kept_elsewhere_is_found_again_when_the_chain_has_grown() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    accounts.login(EMAIL, password()).await.unwrap_err();
    let (row, hash) = verify(&accounts).await.head;
    accounts.login(EMAIL, password()).await.unwrap_err();
    let report = accounts.verify_audit(Some((row, &hash)), |_, _| {}).await.unwrap();
    assert_eq!((report.rows, report.flawed), (2, 0));
    let report = accounts.verify_audit(Some((3, &hash)), |_, _| {}).await.unwrap();
    assert_eq!(report.flaws, [AuditFlaw::Unexpected { seq: 3 }]);
}
