//! Rows that cannot be: the database itself refuses them.

use crate::support::{Bench, log_in, password, register};

/// Each statement, and the constraint that must refuse it.
const IMPOSSIBLE: [(&str, &str); 23] = [
    ("UPDATE users SET email = 'no address'", "users_email_is_an_address"),
    (
        "UPDATE users SET email = 'a@' || repeat('b', 260)",
        "users_email_is_an_address",
    ),
    (
        "UPDATE users SET email_key = 'Ada@example.org'",
        "users_email_key_is_lower_case",
    ),
    ("UPDATE users SET name = ''", "users_name_is_short"),
    ("UPDATE users SET name = repeat('x', 201)", "users_name_is_short"),
    (
        "UPDATE users SET password_hash = 'a few unrelated words'",
        "users_password_is_hashed",
    ),
    (
        "UPDATE users SET disabled_at = created_at - interval '1s'",
        "users_disabled_after_created",
    ),
    (
        "UPDATE users SET default_project_id = id",
        "users_own_their_default_project",
    ),
    ("DELETE FROM projects", "users_own_their_default_project"),
    ("DELETE FROM users", "projects_owner_id_fkey"),
    ("UPDATE projects SET name = ''", "projects_name_is_short"),
    (
        "UPDATE signing_keys SET kid = 'short'",
        "signing_keys_kid_is_a_thumbprint",
    ),
    (
        "UPDATE signing_keys SET private_key = ''",
        "signing_keys_private_key_is_short",
    ),
    (
        "UPDATE signing_keys SET retired_at = created_at - interval '1s'",
        "signing_keys_retired_after_created",
    ),
    (
        "UPDATE signing_keys SET signs_from = created_at - interval '1s'",
        "signing_keys_sign_after_created",
    ),
    (
        "UPDATE signing_keys SET refused_at = created_at - interval '1s', retired_at = created_at",
        "signing_keys_refused_after_created",
    ),
    (
        "UPDATE signing_keys SET refused_at = created_at",
        "signing_keys_refused_sign_no_more",
    ),
    (
        "INSERT INTO second_factors (user_id, secret, created_at) SELECT id, '', created_at FROM users",
        "second_factors_secret_is_long",
    ),
    (
        "UPDATE second_factors SET enabled_at = created_at - interval '1s', last_step = 1",
        "second_factors_enabled_after_created",
    ),
    (
        "UPDATE second_factors SET enabled_at = created_at",
        "second_factors_enabled_by_a_code",
    ),
    (
        "UPDATE second_factors SET wrong_count = 1",
        "second_factors_wrong_codes_have_begun",
    ),
    (
        "UPDATE second_factors SET wrong_count = 0, wrong_since = created_at",
        "second_factors_wrong_count_is_counted",
    ),
    (
        "INSERT INTO recovery_codes (user_id, hash, created_at) SELECT user_id, '', created_at FROM second_factors",
        "recovery_codes_hash_is_sha256",
    ),
];

#[tokio::test]
async fn impossible_rows_are_refused_by_the_database() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    let identity = log_in(&accounts).await.unwrap();
    accounts.enrol_totp(&identity, password()).await.unwrap();
    let connection = bench.connection().await;
    for (statement, constraint) in IMPOSSIBLE {
        let error = connection.execute(statement, &[]).await.unwrap_err();
        let error = gathering_persistence::Error::from(error);
        assert_eq!(error.constraint(), Some(constraint), "{statement}");
    }
}

#[tokio::test]
async fn an_address_belongs_to_one_user() {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    register(&accounts).await;
    accounts
        .register("eve@example.org", "a few unrelated words".into(), None)
        .await
        .unwrap();
    let error = bench
        .connection()
        .await
        .execute("UPDATE users SET email_key = 'eve@example.org'", &[])
        .await;
    let error = gathering_persistence::Error::from(error.unwrap_err());
    assert_eq!(error.constraint(), Some("users_email_key_unique"));
}
