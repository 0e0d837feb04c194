//! Schedules, from the first check to the last firing.

use serde_json::{Value, json};

use super::Asking;
use crate::support::Answer;

const NOTHING: &str = "0193c3f2-0000-7000-8000-000000000000";

/// Whatever can be done with them.
pub(super) async fn schedules(asking: &mut Asking<'_>) {
    checks(asking).await;
    let create = asking.call("create_schedule", &[]).example(&asking.world.document);
    let created = asking.ask(create).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.json["id"].as_str().unwrap();
    assert_eq!(created.header("location"), format!("/api/v1/schedules/{id}"));
    changes(asking, id).await;
    pauses(asking, id).await;
    firings(asking, id).await;
    weeks(asking, id).await;
    for (tag, status) in [("\"1\"", 412), ("x", 422), ("*", 204), ("*", 404)] {
        let delete = asking.call("delete_schedule", &[("id", id)]).header("if-match", tag);
        assert_eq!(asking.ask(delete).await.status, status, "{tag}");
    }
}

/// What is wrong is told of a check and of a save, each with its place.
async fn checks(asking: &mut Asking<'_>) {
    let example = asking.call("validate_schedule", &[]).example(&asking.world.document);
    let checked = asking.ask(example).await;
    assert_eq!(
        (checked.status, &checked.json["valid"]),
        (200, &json!(true)),
        "{}",
        checked.text
    );
    let wrong = json!({"name": "", "kind": "cron", "cron": "0 0 30 2 *", "timezone": "Europe/Berln", "every": "1s", "overlap": "never",
        "action": {"type": "call_api", "url": "ftp://x", "retry": {"max_attempts": 0}}});
    let checked = asking.call("validate_schedule", &[]).json(&wrong);
    let checked = asking.ask(checked).await;
    assert_eq!(
        (checked.status, &checked.json["valid"]),
        (200, &json!(false)),
        "{}",
        checked.text
    );
    let saved = asking.call("create_schedule", &[]).json(&wrong);
    let refused = asking.ask(saved).await;
    assert_eq!(
        (refused.status, &refused.json["problems"]),
        (422, &checked.json["problems"])
    );
    for id in ["create_schedule", "validate_schedule"] {
        let mut body = asking
            .world
            .document
            .body(&asking.world.document.operation(id))
            .unwrap()["example"]
            .clone();
        body["project_id"] = json!(NOTHING);
        let elsewhere = asking.call(id, &[]).json(&body);
        assert_eq!(asking.ask(elsewhere).await.status, 404);
    }
}

async fn changes(asking: &mut Asking<'_>, id: &str) {
    let update = asking
        .call("update_schedule", &[("id", id)])
        .example(&asking.world.document);
    for (tag, status) in [("\"1\"", 200), ("\"1\"", 412), ("1", 422), ("*", 200)] {
        let updated = asking.ask(update.clone().header("if-match", tag)).await;
        assert_eq!(updated.status, status, "{tag}: {}", updated.text);
    }
    for (status, count) in [("active", 2), ("paused", 0), ("ended", 0)] {
        let list = asking.call("list_schedules", &[]).query(&format!("?status={status}"));
        let listed = asking.ask(list).await;
        assert_eq!(
            listed.json["items"].as_array().map(Vec::len),
            Some(count),
            "{status}: {}",
            listed.text
        );
    }
    let wrong = asking.call("list_schedules", &[]).query("?status=asleep");
    assert_eq!(asking.ask(wrong).await.status, 422);
}

async fn pauses(asking: &mut Asking<'_>, id: &str) {
    let pause = asking
        .call("pause_schedule", &[("id", id)])
        .example(&asking.world.document);
    let paused = asking.ask(pause).await;
    assert_eq!(
        paused.json["paused"]["reason"], "the receiver is being moved",
        "{}",
        paused.text
    );
    for body in [json!({}), json!({"reason": ""}), json!({"reason": "x".repeat(1001)})] {
        let wrong = asking.call("pause_schedule", &[("id", id)]).json(&body);
        assert_eq!(asking.ask(wrong).await.status, 422, "{body}");
    }
    let why = asking.call("explain_schedule", &[("id", id)]);
    assert_eq!(asking.ask(why).await.json["blockers"][0]["code"], "paused");
    let resume = asking.call("resume_schedule", &[("id", id)]);
    assert_eq!(asking.ask(resume).await.json["status"], "active");
}

/// A schedule that has been due a thousand times and more: what was asked for waits, until there is no room.
async fn firings(asking: &mut Asking<'_>, id: &str) {
    let trigger = asking.call("trigger_schedule", &[("id", id)]);
    assert_eq!(asking.ask(trigger).await.status, 202);
    let example = asking
        .call("backfill_schedule", &[("id", id)])
        .example(&asking.world.document);
    let backfilled = asking.ask(example).await;
    assert_eq!(backfilled.status, 202, "{}", backfilled.text);
    let range = |from: &str, until: &str| json!({"from": from, "until": until});
    for body in [
        range("2026-01-01", "x"),
        range("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
        range("2000-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
    ] {
        let wrong = asking.call("backfill_schedule", &[("id", id)]).json(&body);
        assert_eq!(asking.ask(wrong).await.status, 422, "{body}");
    }
    full(asking).await;
    for query in [
        "?status=succeeded",
        "?limit=1",
        "?status=missed&cursor=2026-01-01T00:00:00Z",
    ] {
        let list = asking.call("list_firings", &[("id", id)]).query(query);
        assert_eq!(asking.ask(list).await.status, 200, "{query}");
    }
    for query in ["?status=lost", "?cursor=x"] {
        let wrong = asking.call("list_firings", &[("id", id)]).query(query);
        assert_eq!(asking.ask(wrong).await.status, 422, "{query}");
    }
}

/// As many wait as may, because the first never ends while somebody looks.
async fn full(asking: &mut Asking<'_>) {
    let owner = asking.world.owner.clone();
    let waits = json!({"nodes": [{"id": "start", "type": "trigger"}, {"id": "wait", "type": "delay", "config": {"duration": "1h"}}],
        "edges": [{"from": "start", "to": "wait"}]});
    let pipeline = owner.pipeline(&waits).await;
    let hourly = json!({"name": "hourly", "kind": "cron", "cron": "0 * * * *", "overlap": "buffer_all",
        "action": {"type": "execute_pipeline", "pipeline_id": pipeline}});
    let id = owner.schedule(&hourly).await;
    let ask = async |asking: &mut Asking<'_>, name: &str, body: Option<Value>| -> Answer {
        let call = asking.call(name, &[("id", &id)]);
        asking
            .ask(match body {
                Some(body) => call.json(&body),
                None => call,
            })
            .await
    };
    for month in ["2025-01", "2025-02"] {
        let body = json!({"from": format!("{month}-01T00:00:00Z"), "until": format!("{month}-28T00:00:00Z")});
        let backfilled = ask(asking, "backfill_schedule", Some(body)).await;
        let expected = if month == "2025-01" { 202 } else { 409 };
        assert_eq!(backfilled.status, expected, "{}", backfilled.text);
    }
    let mut status = 202;
    // One of them may have started meanwhile, and left its place.
    while status == 202 {
        status = ask(asking, "trigger_schedule", None).await.status;
    }
    assert_eq!(status, 409);
    assert_eq!(
        owner
            .send("DELETE", &format!("/api/v1/schedules/{id}"), None)
            .await
            .status,
        204
    );
}

async fn weeks(asking: &mut Asking<'_>, id: &str) {
    let of_one = asking.call("draw_week_of_schedule", &[("id", id)]);
    for call in [asking.call("draw_week", &[]), of_one] {
        let drawn = asking
            .ask(call.clone().query("?from=2026-03-23&timezone=Europe/Berlin"))
            .await;
        assert!(drawn.text.starts_with("<svg"), "{}", drawn.text);
        assert_eq!(drawn.header("cache-control"), "private, no-store");
        for wrong in ["?from=monday", "?timezone=Europe/Berln", "?from=9999-12-30"] {
            let refused = asking.ask(call.clone().query(wrong)).await;
            assert_eq!(refused.status, 422, "{wrong}");
        }
    }
}
