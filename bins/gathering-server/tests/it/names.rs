//! What people may call things over HTTP: one rule for all of them.

use serde_json::{Value, json};

use crate::support::Site;

/// Everything that is called something by its maker, as it is made.
fn made(name: &str) -> [(&'static str, Value); 4] {
    let definition = json!({"nodes": [{"id": "start", "type": "trigger"}]});
    let action = json!({"type": "call_api", "url": "https://example.org/"});
    [
        ("/api/v1/projects", json!({"name": name})),
        ("/api/v1/pipelines", json!({"name": name, "definition": definition})),
        (
            "/api/v1/schedules",
            json!({"name": name, "kind": "cron", "cron": "@yearly", "action": action}),
        ),
        ("/api/v1/auth/api-keys", json!({"name": name, "scopes": ["read"]})),
    ]
}

#[tokio::test]
async fn what_cannot_be_seen_is_in_no_name_and_the_refusal_says_which() {
    let site = Site::start().await.with_user("ada@example.org").await;
    for (character, told) in [
        ('\n', "U+000A"),
        ('\u{202e}', "U+202E"),
        ('\u{200b}', "U+200B"),
        ('\u{feff}', "U+FEFF"),
    ] {
        for (path, body) in made(&format!("invoice{character}fdp")) {
            let refused = site.send("POST", path, Some(&body)).await;
            assert_eq!(refused.status, 422, "{path}: {}", refused.text);
            let problem = &refused.problems()[0];
            assert_eq!(problem["pointer"], "/name", "{path}: {}", refused.text);
            let message = problem["message"].as_str().unwrap();
            assert!(message.contains(&format!("{told}, the 8. of it")), "{path}: {message}");
        }
    }
}

#[tokio::test]
async fn lists_find_what_is_called_exactly_so() {
    let site = Site::start().await.with_user("ada@example.org").await;
    for name in ["nightly report", "nightly report", "Nightly report", "日次 レポート"] {
        for (path, body) in &made(name)[1..3] {
            let taken = site.send("POST", path, Some(body)).await;
            assert_eq!(taken.status, 201, "{path}: {}", taken.text);
        }
    }
    for path in ["/api/v1/pipelines", "/api/v1/schedules"] {
        for (query, count) in [
            ("name=nightly+report", 2),
            ("name=Nightly%20report", 1),
            ("name=nightly", 0),
            ("name=%E6%97%A5%E6%AC%A1+%E3%83%AC%E3%83%9D%E3%83%BC%E3%83%88", 1),
        ] {
            let listed = site.send("GET", &format!("{path}?{query}"), None).await;
            let items = listed.json["items"].as_array().unwrap();
            assert_eq!(items.len(), count, "{path}?{query}: {}", listed.text);
        }
        let first = site
            .send("GET", &format!("{path}?name=nightly+report&limit=1"), None)
            .await
            .json;
        let cursor = first["next_cursor"].as_str().unwrap();
        let next = format!("{path}?name=nightly+report&limit=1&cursor={cursor}");
        let next = site.send("GET", &next, None).await.json;
        assert_eq!(
            (next["items"].as_array().unwrap().len(), &next["next_cursor"]),
            (1, &Value::Null)
        );
        for wrong in ["name=", "name=%00", "name=a%E2%80%AEb"] {
            let refused = site.send("GET", &format!("{path}?{wrong}"), None).await;
            assert_eq!(
                (refused.status, &refused.problems()[0]["parameter"]),
                (422, &json!("name")),
                "{wrong}"
            );
        }
    }
}

#[tokio::test]
async fn letters_of_every_script_and_emoji_are_in_names_as_they_were_sent() {
    let site = Site::start().await.with_user("ada@example.org").await;
    for name in [
        "گزارش\u{200c}ها",
        "👩\u{200d}🚀 \u{2764}\u{fe0f}",
        "日次レポート",
        "क्\u{200d}ष",
    ] {
        for (path, body) in made(name) {
            let taken = site.send("POST", path, Some(&body)).await;
            assert_eq!(
                (taken.status, &taken.json["name"]),
                (201, &json!(name)),
                "{path}: {}",
                taken.text
            );
        }
    }
}
