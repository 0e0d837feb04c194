//! What is saved, and what is refused.

use super::*;

#[tokio::test]
async fn all_that_is_wrong_with_rules_and_action_is_told_at_once() {
    let world = World::new().await;
    let action = json!({"type": "call_api", "url": "ftp://x", "method": "SAVE", "colour": 1, "retry": {"max_attempts": 0}, "timeout": "soon"});
    let definition = json!({"name": " ", "kind": "cron", "cron": "61 * * * *", "timezone": "Mars/Olympus", "color": "red", "action": action});
    let found = problems(world.save(definition).await.unwrap_err());
    let mut found = places(&found);
    found.sort_unstable();
    let expected = [
        ("/action/colour", "unknown_field"),
        ("/action/method", "invalid_value"),
        ("/action/retry/max_attempts", "invalid_value"),
        ("/action/timeout", "invalid_value"),
        ("/action/url", "invalid_value"),
        ("/color", "unknown_field"),
        ("/cron", "invalid_cron"),
        ("/name", "invalid_value"),
        ("/timezone", "unknown_timezone"),
    ];
    assert_eq!(found, expected);
    world.end().await;
}

#[tokio::test]
async fn an_action_is_one_of_those_that_there_are() {
    let world = World::new().await;
    let refused = async |action: Value| {
        let definition = json!({"name": "x", "kind": "interval", "every": "1h", "action": action});
        problems(world.save(definition).await.unwrap_err()).remove(0)
    };
    let task = refused(json!({"type": "run_task", "agent_id": "a", "goal": "b"})).await;
    assert_eq!(
        (task.pointer.as_str(), task.code),
        ("/action/type", "action_not_available")
    );
    assert!(
        task.message.contains("no agents here") && task.message.contains("execute_pipeline"),
        "{}",
        task.message
    );
    let unknown = refused(json!({"type": "dance"})).await;
    assert_eq!(
        (unknown.pointer.as_str(), unknown.code),
        ("/action/type", "unknown_action")
    );
    assert!(unknown.message.contains("call_api"), "{}", unknown.message);
    for (action, pointer, code) in [
        (json!(null), "/action", "missing_field"),
        (json!("call_api"), "/action", "wrong_type"),
        (json!({}), "/action/type", "missing_field"),
        (json!({"type": 1}), "/action/type", "wrong_type"),
        (
            json!({"type": "execute_pipeline"}),
            "/action/pipeline_id",
            "missing_field",
        ),
        (json!({"type": "call_api"}), "/action/url", "missing_field"),
        (
            json!({"type": "send_notification", "url": "https://example.org"}),
            "/action/message",
            "missing_field",
        ),
        (
            json!({"type": "call_api", "url": "https://example.org", "body": "{{ firing.dew_at }}"}),
            "/action/body",
            "invalid_template",
        ),
    ] {
        let problem = refused(action.clone()).await;
        assert_eq!(
            (problem.pointer.as_str(), problem.code),
            (pointer, code),
            "{action}: {}",
            problem.message
        );
    }
    world.end().await;
}

#[tokio::test]
async fn the_pipeline_of_an_action_is_in_the_project_of_the_schedule() {
    let world = World::new().await;
    let eve = super::super::user(&world.gathering, "eve@example.org").await;
    let pipeline = world.holding().await;
    let refused = async |who: &Identity, action: Value| {
        let new = NewSchedule {
            project_id: None,
            definition: Json::from_value(&json!({"name": "x", "kind": "interval", "every": "1h", "action": action})),
        };
        problems(world.gathering.create_schedule(who, new).await.unwrap_err())
    };
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline});
    let found = refused(&eve, action).await;
    assert_eq!(places(&found), [("/action/pipeline_id", "pipeline_not_found")]);
    let action = json!({"type": "execute_pipeline", "pipeline_id": pipeline, "version": 2});
    let found = refused(&world.ada, action).await;
    assert_eq!(places(&found), [("/action/version", "version_not_found")]);
    let action = json!({
        "type": "execute_pipeline", "pipeline_id": pipeline, "retry": {}, "priority": 40_000, "labels": {"schedule_id": "x", "a\n": "b"},
        "input": {"a": ["{{ nodes.x.output }}", "{{ firing.dew_at }}", "{{ 1 +"]}
    });
    let found = refused(&world.ada, action).await;
    let places = places(&found);
    for place in [
        "/action/retry",
        "/action/priority",
        "/action/labels/schedule_id",
        "/action/labels/a\n",
        "/action/input/a/2",
    ] {
        assert!(
            places.iter().any(|(pointer, _)| *pointer == place),
            "{place} in {places:?}"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn a_check_tells_the_next_ten_times_on_the_clocks_of_the_zone() {
    let world = World::new().await;
    let check = async |definition: Value| {
        let definition = Json::from_value(&definition);
        world
            .gathering
            .validate_schedule(&world.ada, None, definition)
            .await
            .unwrap()
    };
    let good = check(json!({"name": "x", "kind": "cron", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "action": world.post("/")})).await;
    assert!(
        good.valid && good.problems.is_empty() && good.next.len() == 10,
        "{good:?}"
    );
    for local in &good.next_local {
        assert!(
            local.contains("T03:00:00+0") && local.ends_with("[Europe/Berlin]"),
            "{local}"
        );
    }
    let bad = check(json!({"name": "x", "kind": "cron", "cron": "0 0 30 2 *", "action": {"type": "run_task"}})).await;
    let mut found = places(&bad.problems);
    found.sort_unstable();
    assert_eq!(
        found,
        [("/action/type", "action_not_available"), ("/cron", "never_fires")]
    );
    assert!(!bad.valid && bad.next.is_empty());
    let past =
        check(json!({"name": "x", "kind": "once", "at": "2020-01-01T00:00:00Z", "action": world.post("/")})).await;
    assert_eq!(places(&past.problems), [("/at", "never_fires")]);
    let odd = check(json!(["x"])).await;
    assert_eq!(places(&odd.problems), [("", "wrong_type")]);
    world.end().await;
}
