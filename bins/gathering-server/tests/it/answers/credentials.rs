//! API keys and second factors.

use gathering_testkit::Authenticator;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Asking;
use crate::support::{PASSWORD, Site};

/// How many keys a user may have.
const MOST_KEYS: usize = 100;

/// API keys, made until there are too many.
pub(super) async fn keys(asking: &mut Asking<'_>) {
    let document = &asking.world.document;
    let new = |more: &[(&str, Value)]| {
        let mut body = json!({"name": "deployments", "scopes": ["run", "read"]});
        for (name, value) in more {
            body[*name] = value.clone();
        }
        body
    };
    for (body, status) in [
        (new(&[("project_id", json!(asking.world.project))]), 201),
        (
            new(&[("project_id", json!("0193c3f2-0000-7000-8000-000000000000"))]),
            404,
        ),
        (new(&[("scopes", json!([]))]), 422),
        (new(&[("scopes", json!(["everything"]))]), 422),
        (new(&[("name", json!(" ")), ("expires_in", json!("1s"))]), 422),
    ] {
        let call = asking.call("create_api_key", &[]).json(&body);
        let told = asking.ask(call).await;
        assert_eq!(told.status, status, "{}", told.text);
    }
    let made = asking.call("create_api_key", &[]).example(document);
    let made = asking.ask(made).await;
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/api/v1/auth/api-keys/{id}"));
    let with_key = asking.world.nobody.with_token(made.json["key"].as_str().unwrap());
    let me = asking.call("get_account", &[]);
    assert_eq!(asking.send(&with_key, me).await.status, 200);
    for status in [204, 404] {
        let end = asking.call("end_api_key", &[("id", id)]);
        assert_eq!(asking.ask(end).await.status, status);
    }
    let mut seen = 201;
    for _ in 0..=MOST_KEYS {
        let one_more = asking.call("create_api_key", &[]).example(document);
        seen = asking.ask(one_more).await.status;
    }
    assert_eq!(seen, 409);
}

/// A second factor of somebody, from the first look to the last.
pub(super) async fn second_factor(asking: &mut Asking<'_>) {
    let tom = asking.world.nobody.with_user("tom@example.org").await;
    let with_password = |code: &str| json!({"current_password": PASSWORD, "totp": code});
    for (id, body) in [
        ("confirm_totp", json!({"totp": "123456"})),
        ("disable_totp", with_password("123456")),
        ("renew_recovery_codes", with_password("123456")),
    ] {
        assert_eq!(tell(asking, &tom, id, &body).await, (409, "totp_not_enabled".into()));
    }
    let password = json!({"current_password": PASSWORD});
    let wrong = json!({"current_password": "wrong"});
    assert_eq!(tell(asking, &tom, "enrol_totp", &wrong).await.0, 422);
    let enrol = asking.call("enrol_totp", &[]).json(&password);
    let begun = asking.send(&tom, enrol).await;
    assert_eq!((begun.status, &*begun.header("location")), (201, "/api/v1/auth/totp"));
    let app = Authenticator::new(begun.json["secret"].as_str().unwrap());
    let confirm = asking.call("confirm_totp", &[]).json(&json!({"totp": code(&app)}));
    let codes = asking.send(&tom, confirm).await.json["recovery_codes"].clone();
    for (id, body) in [("enrol_totp", &password), ("confirm_totp", &json!({"totp": "123456"}))] {
        assert_eq!(tell(asking, &tom, id, body).await, (409, "totp_already_enabled".into()));
    }
    let login = |code: Value| json!({"email": "tom@example.org", "password": PASSWORD, "totp": code});
    for (body, told) in [
        (login(Value::Null), (401, "totp_required".into())),
        (login(json!("wrong")), (401, "invalid_totp".into())),
        (login(codes[0].clone()), (200, Value::Null)),
    ] {
        let nobody = asking.world.nobody.clone();
        assert_eq!(tell(asking, &nobody, "create_session", &body).await, told);
    }
    for (id, code, status) in [
        ("renew_recovery_codes", &codes[0], 422),
        ("renew_recovery_codes", &codes[1], 200),
        ("disable_totp", &codes[2], 422),
    ] {
        let body = with_password(code.as_str().unwrap());
        assert_eq!(tell(asking, &tom, id, &body).await.0, status, "{id}");
    }
    let next = with_password(&app.code(now() + SignedDuration::from_secs(30)));
    assert_eq!(tell(asking, &tom, "disable_totp", &next).await.0, 204);
}

/// The status, and the code where there is one.
async fn tell(asking: &mut Asking<'_>, site: &Site, id: &str, body: &Value) -> (u16, Value) {
    let call = asking.call(id, &[]).json(body);
    let told = asking.send(site, call).await;
    (told.status, told.json["code"].clone())
}

fn code(app: &Authenticator) -> String {
    app.code(now())
}

#[expect(clippy::disallowed_methods, reason = "the server goes by the real time")]
fn now() -> Timestamp {
    Timestamp::now()
}
