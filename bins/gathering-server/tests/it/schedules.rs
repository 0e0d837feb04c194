//! Schedules over HTTP: what is due fires, once, and tells what became of it.

mod crash;
mod verification;

use std::time::Duration;

use gathering_testkit::{Answer as Reply, Receiver, until};
use serde_json::{Value, json};

use crate::support::Site;

const LIMIT: Duration = Duration::from_mins(1);
const PATH: &str = "/api/v1/schedules";

async fn site() -> Site {
    Site::start().await.with_user("ada@example.org").await
}

/// A call that says when it was due.
fn call(url: &str) -> Value {
    json!({"type": "call_api", "method": "POST", "url": url,
        "body": {"due": "{{ firing.due_at }}", "by": "{{ firing.schedule }}", "origin": "{{ firing.origin }}"}})
}

/// A schedule that is due far away, and when somebody asks.
fn yearly(url: &str) -> Value {
    json!({"name": "yearly", "kind": "cron", "cron": "0 0 1 1 *", "action": call(url)})
}

/// The firings of a schedule, once as many have this status.
async fn firings(site: &Site, id: &str, (count, status): (usize, &str)) -> Vec<Value> {
    let path = format!("{PATH}/{id}/firings?status={status}");
    until("the firings", LIMIT, async || {
        let page = site.send("GET", &path, None).await.json;
        let items = page["items"].as_array().unwrap();
        (items.len() == count).then(|| items.clone())
    })
    .await
}

async fn post(site: &Site, id: &str, what: &str, body: &Value) -> crate::support::Answer {
    site.send("POST", &format!("{PATH}/{id}/{what}"), Some(body)).await
}

/// When the receiver was told that something was due, in the order in which it came.
fn told(receiver: &Receiver) -> Vec<Value> {
    let requests = receiver.requests();
    requests.iter().map(|request| request.json()["due"].clone()).collect()
}

#[tokio::test]
async fn what_is_due_fires_once_and_tells_what_became_of_it() {
    let (site, receiver) = (site().await, Receiver::start());
    let id = site
        .schedule(&json!({"name": "ping", "kind": "interval", "every": "1s", "max_firings": 2, "action": call(&receiver.url("/ping"))}))
        .await;
    let fired = firings(&site, &id, (2, "succeeded")).await;
    let mut due: Vec<_> = fired.iter().map(|firing| firing["due_at"].clone()).collect();
    due.reverse();
    assert_eq!(told(&receiver), due);
    assert_eq!(receiver.requests()[0].json()["by"], "ping");
    for firing in &fired {
        assert_eq!(
            (&firing["origin"], &firing["run_id"]),
            (&json!("schedule"), &firing["id"])
        );
        let run = site.ended_run(firing["id"].as_str().unwrap()).await;
        assert_eq!(run["status"], "completed");
    }
    let ended = site.send("GET", &format!("{PATH}/{id}"), None).await.json;
    assert_eq!((&ended["status"], &ended["fired"]), (&json!("ended"), &json!(2)));
    let page = site
        .send("GET", &format!("{PATH}/{id}/firings?limit=1"), None)
        .await
        .json;
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = site
        .send("GET", &format!("{PATH}/{id}/firings?cursor={cursor}"), None)
        .await
        .json;
    assert_eq!((&next["items"][0], &next["next_cursor"]), (&fired[1], &Value::Null));
}

#[tokio::test]
async fn a_pipeline_gets_what_the_template_makes_of_the_firing() {
    let site = site().await;
    let pipeline = site
        .pipeline(&json!({"nodes": [{"id": "start", "type": "trigger"}]}))
        .await;
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline, "input": {"due": "{{ firing.due_at }}", "of": "{{ firing.schedule_id }}"},
        "labels": {"team": "blue"}});
    let once = json!({"name": "soon", "kind": "interval", "every": "1s", "max_firings": 1, "action": action});
    let id = site.schedule(&once).await;
    let fired = firings(&site, &id, (1, "succeeded")).await;
    let run = site.ended_run(fired[0]["run_id"].as_str().unwrap()).await;
    assert_eq!(run["input"], json!({"due": fired[0]["due_at"], "of": id}));
    assert_eq!(run["labels"], json!({"team": "blue", "schedule_id": id}));
    let elsewhere = site.with_user("eve@example.org").await;
    let refused = elsewhere.send("POST", PATH, Some(&once)).await;
    assert_eq!(
        (refused.status, &refused.problems()[0]["pointer"]),
        (422, &json!("/action/pipeline_id"))
    );
}

#[tokio::test]
async fn an_action_that_fails_is_a_failed_firing_and_too_many_of_them_pause_the_schedule() {
    let (site, receiver) = (site().await, Receiver::start());
    receiver.answer("/down", Reply::status(404));
    let new = json!({"name": "poll", "kind": "interval", "every": "1s", "pause_after_failures": 2, "action": call(&receiver.url("/down"))});
    let id = site.schedule(&new).await;
    let paused = until("it pauses itself", LIMIT, async || {
        let seen = site.send("GET", &format!("{PATH}/{id}"), None).await.json;
        (seen["status"] == "paused").then_some(seen)
    })
    .await;
    assert_eq!(
        (&paused["failures_in_a_row"], &paused["paused"]["by"]),
        (&json!(2), &Value::Null)
    );
    let failed = firings(&site, &id, (2, "failed")).await;
    assert!(failed[0]["error"]["message"].is_string(), "{}", failed[0]);
    let why = site.send("GET", &format!("{PATH}/{id}/why"), None).await.json;
    assert_eq!(why["blockers"][0]["code"], "paused");
    assert!(
        why["summary"].as_str().unwrap().contains("its last 2 firings failed"),
        "{why}"
    );
}

#[tokio::test]
async fn a_paused_schedule_fires_only_for_who_asks_and_goes_on_when_it_is_resumed() {
    let (site, receiver) = (site().await, Receiver::start());
    let mut new = yearly(&receiver.url("/yearly"));
    new["paused"] = json!("until the receiver is there");
    let id = site.schedule(&new).await;
    let again = post(&site, &id, "pause", &json!({"reason": "another"})).await;
    assert_eq!(
        again.json["paused"]["reason"], "until the receiver is there",
        "{}",
        again.text
    );
    let triggered = post(&site, &id, "trigger", &json!({})).await;
    assert_eq!((triggered.status, &triggered.json["origin"]), (202, &json!("trigger")));
    let fired = firings(&site, &id, (1, "succeeded")).await;
    assert_eq!(fired[0]["id"], triggered.json["id"]);
    assert_eq!(receiver.requests()[0].json()["origin"], "trigger");
    let resumed = post(&site, &id, "resume", &json!({})).await;
    assert_eq!((resumed.status, &resumed.json["status"]), (200, &json!("active")));
    assert_eq!(
        (&resumed.json["paused"], resumed.json["next_due_at"].is_string()),
        (&Value::Null, true)
    );
    let why = site.send("GET", &format!("{PATH}/{id}/why"), None).await.json;
    assert_eq!(why["blockers"][0]["code"], "not_due", "{why}");
}

#[tokio::test]
async fn times_that_have_passed_fire_when_they_are_asked_for_and_not_again() {
    let (site, receiver) = (site().await, Receiver::start());
    let hourly = json!({"name": "hourly", "kind": "cron", "cron": "0 * * * *", "overlap": "skip", "action": call(&receiver.url("/hourly"))});
    let id = site.schedule(&hourly).await;
    let range = json!({"from": "2026-03-01T00:00:00Z", "until": "2026-03-01T03:00:00Z"});
    let asked = post(&site, &id, "backfill", &range).await;
    let due = json!(["2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z"]);
    assert_eq!(
        (asked.status, &asked.json),
        (202, &json!({"due_times": due, "already_fired": 0}))
    );
    let fired = firings(&site, &id, (3, "succeeded")).await;
    assert!(fired.iter().all(|firing| firing["origin"] == "backfill"));
    // They may not overlap, so they came one after the other.
    assert_eq!(json!(told(&receiver)), due);
    let again = post(&site, &id, "backfill", &range).await;
    assert_eq!(again.json, json!({"due_times": [], "already_fired": 3}));
    assert_eq!(receiver.requests().len(), 3);
}

#[tokio::test]
async fn a_change_overwrites_nobody_and_keeps_what_it_says() {
    let (site, receiver) = (site().await, Receiver::start());
    let id = site.schedule(&yearly(&receiver.url("/old"))).await;
    let path = format!("{PATH}/{id}");
    let seen = site.send("GET", &path, None).await;
    let (tag, mut change) = (seen.header("etag"), yearly(&receiver.url("/new")));
    change["overlap"] = json!("skip");
    let changed = site.send_with("PUT", &path, Some(&change), &[("if-match", &tag)]).await;
    assert_eq!(
        (changed.status, &changed.json["overlap"]),
        (200, &json!("skip")),
        "{}",
        changed.text
    );
    let late = site.send_with("PUT", &path, Some(&change), &[("if-match", &tag)]).await;
    assert_eq!(
        (late.status, &late.json["code"]),
        (412, &json!("revision_conflict")),
        "{}",
        late.text
    );
    assert!(
        late.json["detail"].as_str().unwrap().contains(&changed.header("etag")),
        "{}",
        late.text
    );
    // What is left out has its default again.
    let back = site.send("PUT", &path, Some(&yearly(&receiver.url("/new")))).await;
    assert_eq!(back.json["overlap"], "allow");
    post(&site, &id, "trigger", &json!({})).await;
    receiver.wait_for(1, LIMIT).await;
    assert_eq!(receiver.requests_to("/new").len(), 1);
}

#[tokio::test]
async fn a_deletion_of_what_was_changed_meanwhile_is_refused_and_deletes_nothing() {
    let (site, receiver) = (site().await, Receiver::start());
    let id = site.schedule(&yearly(&receiver.url("/yearly"))).await;
    let path = format!("{PATH}/{id}");
    let seen = site.send("GET", &path, None).await.header("etag");
    post(&site, &id, "pause", &json!({"reason": "it is looked at"})).await;
    let delete = async |tag: &str| site.send_with("DELETE", &path, None, &[("if-match", tag)]).await;
    let late = delete(&seen).await;
    assert_eq!(
        (late.status, &late.json["code"]),
        (412, &json!("revision_conflict")),
        "{}",
        late.text
    );
    // Its action was left alone as well.
    post(&site, &id, "trigger", &json!({})).await;
    receiver.wait_for(1, LIMIT).await;
    let now = site.send("GET", &path, None).await.header("etag");
    assert!(
        late.json["detail"].as_str().unwrap().contains(&now),
        "{now}: {}",
        late.text
    );
    assert_eq!(delete(&now).await.status, 204);
    assert_eq!(delete(&now).await.status, 404);
}

#[tokio::test]
async fn a_check_tells_the_next_times_also_on_clocks_that_change() {
    let site = site().await;
    let new = json!({"name": "early", "kind": "cron", "cron": "30 2 * * *", "timezone": "Europe/Berlin", "start_at": "2027-03-27T00:00:00Z",
        "action": call("https://example.org/")});
    let checked = site.send("POST", &format!("{PATH}/validate"), Some(&new)).await.json;
    assert_eq!((&checked["valid"], &checked["problems"]), (&json!(true), &json!([])));
    assert_eq!(checked["next"].as_array().unwrap().len(), 10);
    assert_eq!(checked["next_local"][0], "2027-03-27T02:30:00+01:00[Europe/Berlin]");
    // 02:30 is left out on that day.
    assert_eq!(checked["next_local"][1], "2027-03-28T03:00:00+02:00[Europe/Berlin]");
    assert_eq!(
        (&checked["next"][1], &checked["next"][2]),
        (&json!("2027-03-28T01:00:00Z"), &json!("2027-03-29T00:30:00Z"))
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let site = site().await;
    let wrong = json!({"name": "x", "kind": "cron", "cron": "61 * * * *", "every": "1s", "misfire": {"windw": "1d"}, "exclude": ["12-25", "12-32"],
        "action": {"type": "call_api", "url": "x", "body": "{{ firng.due_at }}"}});
    let refused = site.send("POST", PATH, Some(&wrong)).await;
    assert_eq!(refused.status, 422);
    let problems = refused.problems();
    let places: Vec<_> = problems
        .iter()
        .map(|problem| problem["pointer"].as_str().unwrap())
        .collect();
    for place in [
        "/cron",
        "/exclude/1",
        "/every",
        "/misfire/windw",
        "/action/url",
        "/action/body",
    ] {
        assert!(places.contains(&place), "{place}: {}", refused.text);
    }
    let agents = json!({"name": "x", "kind": "interval", "every": "1h", "action": {"type": "run_task"}});
    let refused = site.send("POST", PATH, Some(&agents)).await;
    assert_eq!(refused.problems()[0]["code"], "action_not_available");
    for body in [json!({"crom": "* * * * *"}), json!({"revision": 1})] {
        let refused = site.send("POST", PATH, Some(&body)).await;
        assert_eq!(refused.problems()[0]["code"], "unknown_field", "{}", refused.text);
    }
    let text = r#"{"name": "x", "kind": "once", "kind": "cron"}"#;
    let refused = site.send_text("POST", PATH, text).await;
    assert_eq!(refused.problems()[0]["code"], "duplicate_field", "{}", refused.text);
    assert_eq!(site.send("GET", PATH, None).await.json["items"], json!([]));
}

#[tokio::test]
async fn a_check_refuses_unknown_fields_as_a_save_does() {
    let site = site().await;
    let check = format!("{PATH}/validate");
    for (field, value) in [
        ("crom", json!("@daily")),
        ("revision", json!(1)),
        ("nmae", json!("x")),
        ("x", json!(null)),
    ] {
        let mut body = yearly("https://example.org/");
        body[field] = value;
        let (saved, checked) = (
            site.send("POST", PATH, Some(&body)).await,
            site.send("POST", &check, Some(&body)).await,
        );
        assert_eq!((saved.status, checked.status), (422, 422), "{field}: {}", checked.text);
        assert_eq!(saved.problems(), checked.problems());
        let problem = &checked.problems()[0];
        assert_eq!(
            (&problem["pointer"], &problem["code"]),
            (&json!(format!("/{field}")), &json!("unknown_field"))
        );
    }
    let known = site.send("POST", &check, Some(&yearly("https://example.org/"))).await;
    assert_eq!(
        (known.status, &known.json["valid"]),
        (200, &json!(true)),
        "{}",
        known.text
    );
}

#[tokio::test]
async fn a_key_makes_one_schedule_and_one_firing_however_often_it_is_sent() {
    let site = site().await;
    let (key, body) = (&[("idempotency-key", "k")], yearly("https://example.org/"));
    let first = site.send_with("POST", PATH, Some(&body), key).await;
    let again = site.send_with("POST", PATH, Some(&body), key).await;
    assert_eq!((first.status, again.status), (201, 201), "{}", again.text);
    assert_eq!(first.json["id"], again.json["id"]);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = yearly("https://example.org/other");
    let refused = site.send_with("POST", PATH, Some(&other), key).await;
    assert_eq!(refused.json["code"], "idempotency_key_reused");
    assert_eq!(
        site.send("GET", PATH, None).await.json["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let trigger = format!("{PATH}/{}/trigger", first.json["id"].as_str().unwrap());
    let (one, two) = (
        site.send_with("POST", &trigger, None, key).await,
        site.send_with("POST", &trigger, None, key).await,
    );
    assert_eq!((one.status, &one.json["id"]), (202, &two.json["id"]), "{}", two.text);
    let firings = site
        .send(
            "GET",
            &format!("{PATH}/{}/firings", first.json["id"].as_str().unwrap()),
            None,
        )
        .await;
    assert_eq!(
        firings.json["items"].as_array().map(Vec::len),
        Some(1),
        "{}",
        firings.text
    );
}

#[tokio::test]
async fn a_week_is_a_picture_that_runs_and_fetches_nothing() {
    let site = site().await;
    let mut new = yearly("https://example.org/");
    (new["name"], new["cron"]) = (json!("<script>alert(1)</script>"), json!("0 3 * * *"));
    let id = site.schedule(&new).await;
    for path in [format!("{PATH}/week"), format!("{PATH}/{id}/week")] {
        let drawn = site
            .send("GET", &format!("{path}?from=2027-03-22&timezone=Europe/Berlin"), None)
            .await;
        assert_eq!((drawn.status, &*drawn.header("content-type")), (200, "image/svg+xml"));
        assert_eq!(drawn.header("cache-control"), "private, no-store");
        assert!(
            drawn
                .header("content-security-policy")
                .starts_with("default-src 'none'; style-src 'unsafe-inline'")
        );
        assert!(
            drawn.text.contains("23 h: 02:00→03:00") && !drawn.text.contains("<script"),
            "{}",
            drawn.text
        );
        let wrong = site.send("GET", &format!("{path}?timezone=Europe/Berln"), None).await;
        assert_eq!(wrong.problems()[0]["parameter"], "timezone", "{}", wrong.text);
    }
}

#[tokio::test]
async fn a_deleted_schedule_fires_no_more_and_is_gone() {
    let (site, receiver) = (site().await, Receiver::start());
    let new = json!({"name": "ping", "kind": "interval", "every": "1s", "action": call(&receiver.url("/ping"))});
    let id = site.schedule(&new).await;
    firings(&site, &id, (1, "succeeded")).await;
    assert_eq!(site.send("DELETE", &format!("{PATH}/{id}"), None).await.status, 204);
    let seen = receiver.requests().len();
    for path in ["", "/firings", "/why", "/week"] {
        assert_eq!(
            site.send("GET", &format!("{PATH}/{id}{path}"), None).await.status,
            404,
            "{path}"
        );
    }
    // Another one of the same kind, made afterwards, has fired twice: the first would have.
    let other = json!({"name": "other", "kind": "interval", "every": "1s", "max_firings": 2, "action": call(&receiver.url("/other"))});
    let other = site.schedule(&other).await;
    firings(&site, &other, (2, "succeeded")).await;
    let more = receiver.requests_to("/ping").len() - seen;
    assert!(more <= 1, "it fired {more} times after its end");
}

#[tokio::test]
async fn what_was_read_may_be_sent_back_with_one_field_changed() {
    let site = site().await;
    let made = site.send("POST", PATH, Some(&yearly("https://example.org/"))).await;
    let path = format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    let mut read = site.send("GET", &path, None).await.json;
    read["overlap"] = json!("skip");
    let changed = site.send("PUT", &path, Some(&read)).await;
    assert_eq!(
        (changed.status, &changed.json["overlap"]),
        (200, &json!("skip")),
        "{}",
        changed.text
    );
    assert_eq!(changed.json["next_due_at"], read["next_due_at"]);
}
