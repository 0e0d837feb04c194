//! What is really answered, compared with what the document says: each operation, done and refused in each way that can be brought about.

mod credentials;
mod people;
mod schedules;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::api::call::Call;
use crate::api::world::World;
use crate::api::{Document, Operation};
use crate::support::{Answer, PASSWORD, Raw, Site};

/// What only a fault, an overload, an outage or a slow client brings about; `outage.rs`, `overload.rs`, `limits.rs` and `bodies.rs` do so.
const ELSEWHERE: [u16; 4] = [408, 429, 500, 503];

/// What was seen of each operation.
type Seen = BTreeMap<String, BTreeSet<u16>>;

/// Asks, and notes what came.
struct Asking<'a> {
    world: &'a World,
    seen: Seen,
}

impl Asking<'_> {
    fn call(&self, id: &str, values: &[(&str, &str)]) -> Call {
        Call::new(self.world.document.operation(id), values)
    }

    async fn send(&mut self, site: &Site, call: Call) -> Answer {
        let answer = call.send(site, &self.world.document).await;
        self.seen.entry(call.operation.id).or_default().insert(answer.status);
        answer
    }

    /// As the owner.
    async fn ask(&mut self, call: Call) -> Answer {
        self.send(&self.world.owner.clone(), call).await
    }
}

#[tokio::test]
async fn every_answer_keeps_to_the_document() {
    let world = World::new(&[("GATHERING_RATE_LIMITS", "off"), ("GATHERING_HTTP_BODY_LIMIT", "65536")]).await;
    let mut asking = Asking {
        world: &world,
        seen: Seen::new(),
    };
    for operation in world.document.operations() {
        refuse(&mut asking, &operation).await;
    }
    read(&mut asking).await;
    pipelines(&mut asking).await;
    pipelines_of_schedules(&mut asking).await;
    runs(&mut asking).await;
    schedules::schedules(&mut asking).await;
    people::projects(&mut asking).await;
    people::administrators(&mut asking).await;
    credentials::keys(&mut asking).await;
    credentials::second_factor(&mut asking).await;
    decisions(&mut asking).await;
    accounts(&mut asking).await;
    closed_registration(&mut asking).await;
    assert_complete(&world.document, &asking.seen);
}

/// Each operation answered well, and in each bad way that it is said to have.
fn assert_complete(document: &Document, seen: &Seen) {
    let mut missing = Vec::new();
    for operation in document.operations() {
        let said = Document::statuses(&operation).into_iter();
        let said: BTreeSet<_> = said.filter(|status| !ELSEWHERE.contains(status)).collect();
        let seen = seen.get(&operation.id).cloned().unwrap_or_default();
        missing.extend(
            said.difference(&seen)
                .map(|status| format!("{} {status}", operation.id)),
        );
    }
    assert!(missing.is_empty(), "nobody brought about {missing:?}");
}

/// The ways to be refused that follow from the document alone.
async fn refuse(asking: &mut Asking<'_>, operation: &Operation) {
    let world = asking.world;
    let things = world.things();
    let values = things.get(&*operation.path).map_or(&[][..], Vec::as_slice);
    let call = || Call::new(operation.clone(), values);
    if operation.is_secured() {
        asking.send(&world.nobody, call()).await;
        let key = world.without_scope(operation);
        let refused = asking.send(key, call().example(&world.document)).await;
        assert_eq!(refused.status, 403, "{}: {}", operation.id, refused.text);
        // Who lacks a role is not helped by another token.
        let challenge = if operation.is_for_admins() {
            ""
        } else {
            r#"Bearer error="insufficient_scope""#
        };
        assert_eq!(refused.header("www-authenticate"), challenge, "{}", operation.id);
    }
    if operation.path.starts_with("/api/v1/") {
        let refused = asking
            .ask(call().query("?no_such_parameter=1").example(&world.document))
            .await;
        assert_eq!(refused.status, 422, "{}", operation.id);
    }
    if operation.path.contains('{') {
        let nobodys: Vec<_> = values.iter().map(|(name, _)| (*name, "nonsense")).collect();
        let call = Call::new(operation.clone(), &nobodys).example(&world.document);
        assert_eq!(asking.ask(call).await.status, 404, "{}", operation.id);
    }
    let large = vec![b' '; 65_537];
    if world.document.body(operation).is_some() {
        for (kind, body, status) in [
            ("application/json", &b"{\"name\": "[..], 400),
            ("application/json", b"[]", 400),
            ("text/plain", b"{}", 415),
            ("application/json", b"{\"no_such_field\": 1}", 422),
            ("application/json", &large, 413),
        ] {
            let refused = asking.ask(call().bytes(kind, body)).await;
            assert_eq!(refused.status, status, "{}: {}", operation.id, refused.text);
        }
    }
}

/// Lists and things, as they are and page by page.
async fn read(asking: &mut Asking<'_>) {
    let world = asking.world;
    let things = world.things();
    let reading = world
        .document
        .operations()
        .into_iter()
        .filter(|operation| operation.method == "GET");
    for operation in reading {
        let values = things.get(&*operation.path).map_or(&[][..], Vec::as_slice);
        let call = || Call::new(operation.clone(), values);
        let who = world.who(&operation);
        assert_eq!(asking.send(who, call()).await.status, 200, "{}", operation.id);
        let head = who.send("HEAD", &operation.at(values), None).await;
        assert_eq!((head.status, &*head.text), (200, ""), "{}", operation.id);
        if operation.takes("limit") {
            let page = asking.send(who, call().query("?limit=1")).await.json;
            if let Some(cursor) = page["next_cursor"].as_str() {
                let next = asking
                    .send(who, call().query(&format!("?limit=1&cursor={cursor}")))
                    .await;
                assert_eq!(next.status, 200, "{}", operation.id);
            }
            for wrong in ["limit=0", "limit=201", "limit=x", "cursor=x%20y"] {
                let refused = asking.ask(call().query(&format!("?{wrong}"))).await;
                assert_eq!(refused.status, 422, "{} {wrong}", operation.id);
            }
        }
        if operation.takes("project_id") {
            let other = asking
                .ask(call().query("?project_id=0193c3f2-0000-7000-8000-000000000000"))
                .await;
            assert_eq!(other.status, 404, "{}", operation.id);
        }
    }
    for status in ["queued", "failed", "waiting"] {
        let query = format!(
            "?status={status}&labels=%7B%7D&created_after=2020-01-01T00:00:00Z&project_id={}",
            world.project
        );
        let call = asking.call("list_runs", &[]).query(&query);
        assert_eq!(asking.ask(call).await.status, 200);
    }
    let call = asking.call("list_breakers", &[]).query("?status=open");
    assert_eq!(asking.ask(call).await.json["items"].as_array().map(Vec::len), Some(1));
}

async fn pipelines(asking: &mut Asking<'_>) {
    let document = &asking.world.document;
    let create = asking.call("create_pipeline", &[]).example(document);
    let created = asking.ask(create).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.json["id"].as_str().unwrap();
    let body = json!({"name": "x", "definition": {"nodes": [{"id": "a", "type": "trigger"}]},
        "project_id": "0193c3f2-0000-7000-8000-000000000000"});
    let elsewhere = asking.call("create_pipeline", &[]).json(&body);
    assert_eq!(asking.ask(elsewhere).await.status, 404);
    let wrong = json!({"name": "", "definition": {"nodes": [{"id": "a", "type": "triger"}, {"id": "a"}, 7], "edges": [{}], "tiemout": "1s"}});
    for id in ["create_pipeline", "validate_pipeline"] {
        let call = asking.call(id, &[]).json(&wrong);
        let told = asking.ask(call).await;
        assert!(
            told.json["problems"]
                .as_array()
                .is_some_and(|problems| !problems.is_empty()),
            "{}",
            told.text
        );
    }
    let check = asking.call("validate_pipeline", &[]).example(document);
    assert_eq!(asking.ask(check).await.json, json!({"valid": true, "problems": []}));
    let update = asking.call("update_pipeline", &[("id", id)]).example(document);
    for (tag, status) in [
        ("\"1\"", 200),
        ("\"1\"", 412),
        ("1", 422),
        ("\"+2\"", 422),
        ("\"02\"", 422),
        ("*", 200),
    ] {
        let updated = asking.ask(update.clone().header("if-match", tag)).await;
        assert_eq!(updated.status, status, "{tag}: {}", updated.text);
    }
    let twice = update.header("if-match", "*").header("if-match", "0");
    assert_eq!(asking.ask(twice).await.status, 422);
    for (version, status) in [("1", 200), ("99", 404), ("x", 422)] {
        let get = asking
            .call("get_pipeline", &[("id", id)])
            .query(&format!("?version={version}"));
        assert_eq!(asking.ask(get).await.status, status, "{version}");
    }
    for (tag, status) in [("\"1\"", 412), ("x", 422), ("\"3\"", 204), ("\"3\"", 404)] {
        let delete = asking.call("delete_pipeline", &[("id", id)]).header("if-match", tag);
        assert_eq!(asking.ask(delete).await.status, status, "{tag}");
    }
}

/// The action of a schedule may be read, and nothing else.
async fn pipelines_of_schedules(asking: &mut Asking<'_>) {
    const SCHEDULE: &str = "0193c3f2-0000-7000-8000-00000000000a";
    let document = &asking.world.document;
    let definition = json!({"nodes": [{"id": "a", "type": "trigger"}]});
    let pipeline = asking.world.owner.pipeline(&definition).await;
    let sql = format!("UPDATE pipelines SET schedule_id = '{SCHEDULE}' WHERE id = '{pipeline}'");
    asking.world.owner.execute(&sql).await;
    for id in ["update_pipeline", "delete_pipeline", "start_run"] {
        let call = asking.call(id, &[("id", &pipeline)]).example(document);
        let refused = asking.ask(call).await;
        assert_eq!(refused.status, 409, "{id}: {}", refused.text);
        assert_eq!(refused.json["code"], "pipeline_of_schedule");
        assert!(refused.text.contains(SCHEDULE), "{}", refused.text);
    }
    let get = asking.call("get_pipeline", &[("id", &pipeline)]);
    let read = asking.ask(get).await.json;
    assert_eq!((&read["schedule_id"], &read["version"]), (&json!(SCHEDULE), &json!(1)));
    let list = asking.call("list_pipelines", &[]);
    let listed = asking.ask(list).await;
    assert!(
        !listed.text.contains(&pipeline) && !listed.text.contains("schedule_id"),
        "{}",
        listed.text
    );
}

async fn runs(asking: &mut Asking<'_>) {
    let owner = &asking.world.owner;
    // A name, a text with quotes, every kind of node that says more of itself, and large numbers.
    let pipeline = owner
        .pipeline(&json!({"nodes": [
            {"id": "start", "type": "trigger", "name": "Start"},
            {"id": "big", "type": "condition", "config": {"expression": "input.size > 3"}},
            {"id": "yes", "type": "transform", "config": {"output": {"size": "{{ input.size }}"}}},
            {"id": "no", "type": "transform", "config": {"output": null}}],
            "edges": [{"from": "start", "to": "big"}, {"from": "big", "to": "yes", "when": true}, {"from": "big", "to": "no", "when": false}]}))
        .await;
    for input in [
        json!({"size": 123_456_789_012_345_678_u64}),
        json!({"size": 1}),
        json!("no object"),
        Value::Null,
    ] {
        let start = asking
            .call("start_run", &[("id", &pipeline)])
            .json(&json!({"input": input, "labels": {"a": "b"}, "priority": -5}));
        let started = asking
            .ask(start.header("idempotency-key", &format!("k{}", input.to_string().len())))
            .await;
        assert_eq!(started.status, 202, "{}", started.text);
        let id = started.json["id"].as_str().unwrap();
        owner.ended_run(id).await;
        for reading in ["get_run", "list_journal_entries"] {
            let call = asking.call(reading, &[("id", id)]);
            assert_eq!(asking.ask(call).await.status, 200);
        }
    }
    starts(asking, &pipeline).await;
    cancels(asking).await;
}

async fn starts(asking: &mut Asking<'_>, pipeline: &str) {
    let without = asking.call("start_run", &[("id", pipeline)]);
    assert_eq!(asking.ask(without.clone()).await.status, 202);
    let wrong = json!({"labels": {"": "x"}, "priority": 40_000, "input": 1});
    assert_eq!(asking.ask(without.clone().json(&wrong)).await.status, 422);
    for (body, status) in [
        (json!({"input": 1}), 202),
        (json!({"input": 1}), 202),
        (json!({"input": 2}), 422),
    ] {
        let again = asking
            .ask(without.clone().header("idempotency-key", "once").json(&body))
            .await;
        assert_eq!(again.status, status, "{}", again.text);
    }
}

async fn cancels(asking: &mut Asking<'_>) {
    for (body, status) in [
        (json!({"status": "waiting", "limit": 1}), 200),
        (json!({"all": true, "reason": "x"}), 200),
        (json!({}), 422),
        (json!({"status": "completed", "limit": 5001}), 422),
        (
            json!({"all": true, "project_id": "0193c3f2-0000-7000-8000-000000000000"}),
            404,
        ),
    ] {
        let cancel = asking.call("cancel_runs", &[]).json(&body);
        let told = asking.ask(cancel).await;
        assert_eq!(told.status, status, "{body}: {}", told.text);
    }
    let example = asking.call("cancel_runs", &[]).example(&asking.world.document);
    assert_eq!(asking.ask(example).await.status, 200);
}

/// What somebody decides about runs, nodes and breakers.
async fn decisions(asking: &mut Asking<'_>) {
    let world = asking.world;
    let document = &world.document;
    let start = asking.call("start_run", &[("id", &world.pipeline)]).example(document);
    let run = asking.ask(start).await.json["id"].as_str().unwrap().to_owned();
    let cancel = asking.call("cancel_run", &[("id", &run)]).example(document);
    let told = asking.ask(cancel).await;
    assert_eq!(
        (told.status, &told.json["status"]),
        (200, &json!("cancelled")),
        "{}",
        told.text
    );
    let too_late = asking.call("cancel_run", &[("id", &world.run)]);
    assert_eq!(asking.ask(too_late).await.status, 409);
    for id in ["release_node", "fail_node"] {
        for (node, status) in [("call", 200), ("nobody", 404)] {
            let call = asking.call(id, &[("id", &world.run), ("node", node)]).example(document);
            assert_eq!(asking.ask(call).await.status, status, "{id} {node}");
        }
    }
    let long = json!({"reason": "x".repeat(1001)});
    for call in [
        asking.call("cancel_run", &[("id", &world.run)]),
        asking.call("fail_node", &[("id", &world.run), ("node", "call")]),
    ] {
        assert_eq!(asking.ask(call.json(&long)).await.status, 422);
    }
    let reset = asking.call("reset_breaker", &[("id", &world.breaker)]);
    assert_eq!(asking.ask(reset).await.json["status"], "closed");
}

/// Last, because sessions end here.
async fn accounts(asking: &mut Asking<'_>) {
    let world = asking.world;
    let document = &world.document;
    let nobody = &world.nobody;
    for status in [202, 202] {
        let register = asking.call("register_account", &[]).example(document);
        assert_eq!(asking.send(nobody, register).await.status, status);
    }
    let short = json!({"email": "no address", "password": "short", "name": ""});
    let register = asking.call("register_account", &[]).json(&short);
    assert_eq!(
        asking.send(nobody, register).await.json["problems"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    let wrong = asking
        .call("create_session", &[])
        .json(&json!({"email": "ada@example.org", "password": "wrong"}));
    assert_eq!(asking.send(nobody, wrong).await.status, 401);
    let login = asking
        .call("create_session", &[])
        .json(&json!({"email": "ada@example.org", "password": PASSWORD}));
    let tokens = asking.send(nobody, login).await.json;
    for (token, status) in [(&tokens["refresh_token"], 200), (&json!("nonsense"), 401)] {
        let refresh = asking
            .call("refresh_session", &[])
            .json(&json!({"refresh_token": token}));
        assert_eq!(asking.send(nobody, refresh).await.status, status);
    }
    let end = asking.call("end_session", &[("id", &world.session)]);
    assert_eq!(asking.ask(end).await.status, 204);
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    for (body, status) in [
        (change("wrong", "some other unrelated words"), 422),
        (change(PASSWORD, "short"), 422),
        (change(PASSWORD, "some other unrelated words"), 204),
    ] {
        let call = asking.call("change_password", &[]).json(&body);
        let told = asking.ask(call).await;
        assert_eq!(told.status, status, "{}", told.text);
    }
    for (body, status) in [
        (json!({"everywhere": 1}), 422),
        (json!({"everywhere": true}), 204),
        (json!({}), 401),
    ] {
        let call = asking.call("end_own_session", &[]).json(&body);
        assert_eq!(asking.ask(call).await.status, status);
    }
}

async fn closed_registration(asking: &mut Asking<'_>) {
    let closed = Site::start_with(&[("GATHERING_REGISTRATION", "closed")]).await;
    let register = asking.call("register_account", &[]).example(&asking.world.document);
    assert_eq!(asking.send(&closed, register).await.status, 403);
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_so_as_the_document_says() {
    let site = Site::start_with(&[("GATHERING_RATE_LIMITS", "on"), ("GATHERING_RATE_LIMIT_READ", "3/1h")]).await;
    let document = Document::new(site.raw(Raw::get("/openapi.json")).await.json);
    let call = Call::new(document.operation("list_runs"), &[]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(call.send(&site, &document).await.status);
    }
    assert_eq!(seen, [401, 401, 429]);
}

#[tokio::test]
async fn a_field_too_many_or_too_few_or_of_another_kind_would_be_noticed() {
    let site = Site::start().await;
    let document = Document::new(site.raw(Raw::get("/openapi.json")).await.json);
    let item = json!({"id": "0193c3f2-0000-7000-8000-000000000000", "started_at": "2026-01-31T12:00:00Z", "heartbeat_age": "1s"});
    let wrong = |change: fn(&mut Value)| {
        let mut page = json!({"items": [item.clone()], "next_cursor": null});
        change(&mut page);
        document.wrong("InstancePage", &page).len()
    };
    assert_eq!(wrong(|_| ()), 0);
    assert_eq!(wrong(|page| page["items"][0]["more"] = 1.into()), 1);
    assert_eq!(wrong(|page| page["items"][0]["started_at"] = "yesterday".into()), 1);
    assert_eq!(wrong(|page| page["items"][0]["id"] = 7.into()), 1);
    assert_eq!(
        wrong(|page| drop(page.as_object_mut().unwrap().shift_remove("next_cursor"))),
        1
    );
}
