//! A second factor: set up, asked for, recovered, limited, and ended.

use std::time::Duration;

use futures::future::join_all;
use gathering_auth::{Accounts, Client, Error, Identity, IssuedTokens, TokenError};
use gathering_testkit::{Authenticator, eventually};
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{Bench, EMAIL, log_in, password, register, token};

const STEP: Duration = Duration::from_secs(30);

/// A user with a second factor.
struct Secured {
    bench: Bench,
    accounts: Accounts,
    identity: Identity,
    app: Authenticator,
    recovery: Vec<SecretString>,
}

impl Secured {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let accounts = bench.instance(1).await;
        register(&accounts).await;
        let identity = log_in(&accounts).await.unwrap();
        let enrolment = accounts.enrol_totp(&identity, password()).await.unwrap();
        let app = Authenticator::new(enrolment.secret.expose_secret());
        let code = app.code(bench.now()).into();
        let recovery = accounts.confirm_totp(&identity, code).await.unwrap().0;
        bench.clock.advance(STEP);
        Self {
            bench,
            accounts,
            identity,
            app,
            recovery,
        }
    }

    /// The code of now.
    fn code(&self) -> SecretString {
        self.app.code(self.bench.now()).into()
    }

    /// A code that is none of the window.
    fn wrong(&self) -> SecretString {
        let now = self.bench.now();
        let window = [now - STEP, now, now + STEP].map(|at| self.app.code(at));
        let wrong = (0..10).map(|number| format!("{number:06}"));
        wrong.into_iter().find(|code| !window.contains(code)).unwrap().into()
    }

    async fn login(&self, code: impl Into<Option<SecretString>>) -> Result<IssuedTokens, Error> {
        let client = Client::default();
        self.accounts
            .login_with_code(EMAIL, password(), code.into(), &client)
            .await
    }

    async fn audit(&self, action: &str) -> Vec<String> {
        let sql = "SELECT concat_ws(' ', outcome, detail) FROM audit WHERE action = $1 ORDER BY seq";
        let rows = self.bench.connection().await.query(sql, &[&action]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

fn is_wrong_field(error: &Error, field: &str) -> bool {
    matches!(error, Error::Invalid { problems } if problems[0].field == field && problems[0].code == "wrong")
}

#[tokio::test]
async fn nothing_is_asked_for_until_the_factor_is_confirmed_and_only_the_password_begins_it() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let identity = log_in(&accounts).await.unwrap();
    let refused = accounts.enrol_totp(&identity, "not the right words".into()).await;
    assert!(is_wrong_field(&refused.unwrap_err(), "current_password"));
    let first = accounts.enrol_totp(&identity, password()).await.unwrap();
    let second = accounts.enrol_totp(&identity, password()).await.unwrap();
    assert_ne!(first.secret.expose_secret(), second.secret.expose_secret());
    assert!(accounts.login(EMAIL, password()).await.is_ok());
    assert!(!accounts.second_factor(&identity).await.unwrap().enabled);

    let now = bench.now();
    let code = |enrolment: &gathering_auth::TotpEnrolment| {
        SecretString::from(Authenticator::new(enrolment.secret.expose_secret()).code(now))
    };
    let refused = accounts.confirm_totp(&identity, code(&first)).await;
    assert!(is_wrong_field(&refused.unwrap_err(), "totp"));
    assert_eq!(
        accounts.confirm_totp(&identity, code(&second)).await.unwrap().0.len(),
        10
    );
    let again = accounts.enrol_totp(&identity, password()).await;
    assert!(matches!(again, Err(Error::TotpAlreadyEnabled)));
    let again = accounts.confirm_totp(&identity, code(&second)).await;
    assert!(matches!(again, Err(Error::TotpAlreadyEnabled)));
}

#[tokio::test]
async fn confirming_ends_the_other_sessions_and_says_so() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let (other, identity) = (token(&accounts).await, log_in(&accounts).await.unwrap());
    let enrolment = accounts.enrol_totp(&identity, password()).await.unwrap();
    let app = Authenticator::new(enrolment.secret.expose_secret());
    let code = app.code(bench.now()).into();
    accounts.confirm_totp(&identity, code).await.unwrap();
    let ended = accounts.authenticate(&other).await;
    assert!(matches!(ended, Err(Error::Token(TokenError::Revoked))));
    assert!(accounts.second_factor(&identity).await.unwrap().enabled);
    assert!(accounts.me(identity.user_id).await.is_ok());
}

#[tokio::test]
async fn the_session_of_a_login_that_is_under_way_while_it_is_confirmed_ends_as_well() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let identity = log_in(&accounts).await.unwrap();
    let enrolment = accounts.enrol_totp(&identity, password()).await.unwrap();
    let app = Authenticator::new(enrolment.secret.expose_secret());

    let login = bench.connection().await;
    let begin = "BEGIN; SELECT 1 FROM users FOR SHARE";
    login.batch_execute(begin).await.unwrap();
    let looking = bench.connection().await;
    let finish = async {
        eventually("the confirmation waits for it", Duration::from_secs(30), async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity
                           WHERE datname = current_database() AND wait_event_type = 'Lock'";
            looking.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0
        })
        .await;
        let open = "INSERT INTO sessions (id, user_id, created_at, used_at, expires_at, seed)
                    SELECT gen_random_uuid(), user_id, created_at, created_at, expires_at, seed FROM sessions; COMMIT";
        login.batch_execute(open).await.unwrap();
    };
    let code = app.code(bench.now()).into();
    let (confirmed, ()) = futures::join!(accounts.confirm_totp(&identity, code), finish);
    assert_eq!(confirmed.unwrap().0.len(), 10);
    assert_eq!(bench.count("sessions WHERE ended_at IS NULL").await, 1);
}

#[tokio::test]
async fn a_login_takes_password_and_code_and_tells_only_who_has_the_password_that_there_is_one() {
    let user = Secured::new().await;
    assert!(matches!(user.login(None).await, Err(Error::TotpRequired)));
    assert!(matches!(
        user.login(SecretString::from("  ")).await,
        Err(Error::TotpRequired)
    ));
    assert!(matches!(user.login(user.wrong()).await, Err(Error::InvalidTotp)));
    let client = Client::default();
    let wrong = "not the right words";
    for code in [None, Some(user.code())] {
        let refused = user.accounts.login_with_code(EMAIL, wrong.into(), code, &client).await;
        assert!(matches!(refused, Err(Error::InvalidCredentials)));
    }
    assert!(user.login(user.code()).await.is_ok());
    let told = user.audit("login").await;
    assert_eq!(
        told,
        [
            "done",
            "failed right password, no code",
            "failed right password, no code",
            "failed right password, wrong code",
            "failed",
            "failed",
            "done"
        ]
    );
}

#[tokio::test]
async fn a_disabled_user_with_password_and_code_gets_the_same_answer_as_a_stranger() {
    let user = Secured::new().await;
    user.bench.execute("UPDATE users SET disabled_at = created_at").await;
    for code in [None, Some(user.code()), Some(user.wrong())] {
        assert!(matches!(user.login(code).await, Err(Error::InvalidCredentials)));
    }
}

#[tokio::test]
async fn a_code_counts_once_and_none_before_it_counts_after_it() {
    let user = Secured::new().await;
    let (before, code) = (user.code(), {
        user.bench.clock.advance(STEP);
        user.code()
    });
    assert!(user.login(code.clone()).await.is_ok());
    for used in [code, before] {
        assert!(matches!(user.login(used).await, Err(Error::InvalidTotp)));
    }
    user.bench.clock.advance(STEP);
    assert!(user.login(user.code()).await.is_ok());
}

#[tokio::test]
async fn of_many_logins_at_once_with_one_code_one_comes_in_and_nobody_is_locked_out() {
    let user = Secured::new().await;
    let logins = join_all((0..20).map(|_| user.login(user.code()))).await;
    assert_eq!(logins.iter().filter(|login| login.is_ok()).count(), 1);
    user.bench.clock.advance(STEP);
    assert!(user.login(user.code()).await.is_ok());
}

#[tokio::test]
async fn a_recovery_code_counts_once_whatever_its_case_and_dashes() {
    let user = Secured::new().await;
    let typed = user.recovery[0].expose_secret().to_lowercase().replace('-', " ");
    assert!(user.login(SecretString::from(typed.clone())).await.is_ok());
    assert!(matches!(
        user.login(SecretString::from(typed)).await,
        Err(Error::InvalidTotp)
    ));
    let state = user.accounts.second_factor(&user.identity).await.unwrap();
    assert_eq!((state.enabled, state.recovery_codes_left), (true, 9));
    assert_eq!(user.audit("recovery_code_used").await, ["done 9 left"]);

    let logins = join_all((0..20).map(|_| user.login(user.recovery[1].clone()))).await;
    assert_eq!(logins.iter().filter(|login| login.is_ok()).count(), 1);
}

#[tokio::test]
async fn five_wrong_codes_are_counted_on_all_instances_and_a_recovery_code_still_counts() {
    let user = Secured::new().await;
    let other = user.bench.instance(2).await;
    let client = Client::default();
    for instance in [&user.accounts, &other, &user.accounts, &other, &user.accounts] {
        let refused = instance
            .login_with_code(EMAIL, password(), Some(user.wrong()), &client)
            .await;
        assert!(matches!(refused, Err(Error::InvalidTotp)));
    }
    for code in [user.code(), user.wrong()] {
        let refused = other.login_with_code(EMAIL, password(), Some(code), &client).await;
        assert!(matches!(refused, Err(Error::TotpLocked { retry_after }) if retry_after == Duration::from_mins(5)));
    }
    // Whoever lacks the password is told nothing, and counts for nothing.
    let stranger = other
        .login_with_code(EMAIL, "not the right words".into(), Some(user.code()), &client)
        .await;
    assert!(matches!(stranger, Err(Error::InvalidCredentials)));
    assert!(user.login(user.recovery[0].clone()).await.is_ok());
    assert!(user.login(user.code()).await.is_ok());
}

#[tokio::test]
async fn after_five_minutes_codes_are_looked_at_again() {
    let user = Secured::new().await;
    for _ in 0..5 {
        assert!(matches!(user.login(user.wrong()).await, Err(Error::InvalidTotp)));
    }
    user.bench.clock.advance(Duration::from_secs(299));
    assert!(matches!(user.login(user.code()).await, Err(Error::TotpLocked { .. })));
    user.bench.clock.advance(Duration::from_secs(1));
    assert!(user.login(user.code()).await.is_ok());
}

#[tokio::test]
async fn it_is_disabled_by_password_and_code_and_then_nothing_is_asked_for() {
    let user = Secured::new().await;
    let disable = async |password: SecretString, code| user.accounts.disable_totp(&user.identity, password, code).await;
    let refused = disable("not the right words".into(), user.code()).await;
    assert!(is_wrong_field(&refused.unwrap_err(), "current_password"));
    let refused = disable(password(), user.wrong()).await;
    assert!(is_wrong_field(&refused.unwrap_err(), "totp"));
    disable(password(), user.recovery[3].clone()).await.unwrap();
    assert!(user.login(None).await.is_ok());
    let state = user.accounts.second_factor(&user.identity).await.unwrap();
    assert_eq!((state.enabled, state.recovery_codes_left), (false, 0));
    assert!(matches!(
        disable(password(), user.code()).await,
        Err(Error::TotpNotEnabled)
    ));
    let confirmed = user.accounts.confirm_totp(&user.identity, user.code()).await;
    assert!(matches!(confirmed, Err(Error::TotpNotEnabled)));
    assert_eq!(
        user.audit("totp_disabled").await,
        ["failed wrong password", "failed wrong code", "done"]
    );
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_the_old_ones() {
    let user = Secured::new().await;
    let renewed = user
        .accounts
        .renew_recovery_codes(&user.identity, password(), user.code())
        .await
        .unwrap()
        .0;
    assert_eq!(renewed.len(), 10);
    assert!(matches!(
        user.login(user.recovery[0].clone()).await,
        Err(Error::InvalidTotp)
    ));
    assert!(user.login(renewed[0].clone()).await.is_ok());
}

#[tokio::test]
async fn a_new_password_leaves_the_second_factor_as_it_is() {
    let user = Secured::new().await;
    let new = "another few unrelated words";
    user.accounts
        .change_password(&user.identity, password(), new.into())
        .await
        .unwrap();
    let refused = user.accounts.login(EMAIL, new.into()).await;
    assert!(matches!(refused, Err(Error::TotpRequired)));
    let client = Client::default();
    let code = Some(user.code());
    assert!(
        user.accounts
            .login_with_code(EMAIL, new.into(), code, &client)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn what_is_stored_of_recovery_codes_is_no_code_and_the_chain_of_the_audit_holds() {
    let user = Secured::new().await;
    assert!(user.login(user.recovery[0].clone()).await.is_ok());
    let sql = "SELECT string_agg(r::text, ' ') FROM recovery_codes r";
    let stored: String = user.bench.connection().await.query_one(sql, &[]).await.unwrap().get(0);
    for code in &user.recovery {
        assert!(!stored.contains(code.expose_secret()));
    }
    let report = user.accounts.verify_audit(None, |_, _| {}).await.unwrap();
    assert_eq!(report.flawed, 0);
    let repeat = "UPDATE second_factors SET last_step = last_step - 1";
    let refused = user.bench.connection().await.execute(repeat, &[]).await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("counts once"));
}
