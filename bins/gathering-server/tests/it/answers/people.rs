//! Projects and their members; users, invitations and the audit.

use serde_json::{Value, json};

use super::Asking;

const NOTHING: &str = "0193c3f2-0000-7000-8000-000000000000";

/// Projects, and who is what in them.
pub(super) async fn projects(asking: &mut Asking<'_>) {
    let (document, own) = (&asking.world.document, &*asking.world.project);
    let made = asking.call("create_project", &[]).example(document);
    let made = asking.ask(made).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/api/v1/projects/{id}"));
    members(asking, id).await;
    for name in ["create_project", "update_project"] {
        let values = [("id", id)];
        let values = if name == "create_project" {
            &values[..0]
        } else {
            &values
        };
        let wrong = asking.call(name, values).json(&json!({"name": "a\nb"}));
        assert_eq!(asking.ask(wrong).await.status, 422);
    }
    let renamed = asking.call("update_project", &[("id", id)]).json(&json!({"name": "x"}));
    assert_eq!(asking.ask(renamed).await.json["name"], "x");
    for (id, status) in [(id, 204), (id, 404), (own, 409)] {
        let delete = asking.call("delete_project", &[("id", id)]);
        assert_eq!(asking.ask(delete).await.status, status);
    }
    too_many_projects(asking).await;
}

async fn too_many_projects(asking: &mut Asking<'_>) {
    let zoe = asking.world.nobody.with_user("zoe@example.org").await;
    let make = "WITH zoe AS (SELECT id FROM users WHERE email = 'zoe@example.org'),
        made AS (INSERT INTO projects (id, name, owner_id, created_at) SELECT gen_random_uuid(), 'x', id, now() FROM zoe, generate_series(1, 999)
            RETURNING id, owner_id)
        INSERT INTO project_members (project_id, user_id, role, added_at) SELECT id, owner_id, 'owner', now() FROM made";
    zoe.execute(make).await;
    let one_more = asking.call("create_project", &[]).example(&asking.world.document);
    let refused = asking.send(&zoe, one_more).await;
    assert_eq!((refused.status, &refused.json["code"]), (409, &json!("limit_reached")));
}

async fn members(asking: &mut Asking<'_>, project: &str) {
    let (world, of) = (asking.world, [("id", project)]);
    let bob = [("id", project), ("user_id", &*world.member)];
    let add = |user: &str| json!({"user_id": user, "role": "viewer"});
    for (user, status) in [(&*world.member, 201), (&world.member, 409), (NOTHING, 422)] {
        let call = asking.call("add_member", &of).json(&add(user));
        let told = asking.ask(call).await;
        assert_eq!(told.status, status, "{}", told.text);
        if status == 201 {
            let path = format!("/api/v1/projects/{project}/members/{user}");
            assert_eq!(told.header("location"), path);
            let seen = asking.call("get_member", &bob);
            assert_eq!(asking.ask(seen).await.json, told.json);
        }
    }
    let put = async |asking: &mut Asking<'_>, values: &[(&str, &str)], role: &str| {
        let call = asking.call("put_member", values).json(&json!({"role": role}));
        asking.ask(call).await
    };
    assert_eq!(put(asking, &bob, "owner").await.status, 200);
    for status in [204, 404] {
        let remove = asking.call("remove_member", &bob);
        assert_eq!(asking.ask(remove).await.status, status);
    }
    let gone = asking.call("get_member", &bob);
    assert_eq!(asking.ask(gone).await.status, 404);
    let added = put(asking, &bob, "editor").await;
    assert_eq!((added.status, &added.json["role"]), (201, &json!("editor")));
    assert_eq!(put(asking, &bob, "king").await.status, 422);
    let unknown = put(asking, &[("id", project), ("user_id", NOTHING)], "editor").await;
    assert_eq!((unknown.status, &unknown.json["code"]), (404, &json!("not_found")));
    let me = asking.call("get_account", &[]);
    let me = asking.ask(me).await.json["id"].as_str().unwrap().to_owned();
    let myself = [("id", project), ("user_id", &*me)];
    assert_eq!(put(asking, &myself, "viewer").await.json["code"], "still_needed");
    let leave = asking.call("remove_member", &myself);
    assert_eq!(asking.ask(leave).await.status, 409);
}

/// What administrators do.
pub(super) async fn administrators(asking: &mut Asking<'_>) {
    let (world, admin) = (asking.world, asking.world.admin.clone());
    let me = asking.call("get_account", &[]);
    let root = asking.send(&admin, me).await.json["id"].as_str().unwrap().to_owned();
    for (id, user, body, status) in [
        ("set_role", &*world.member, json!({"role": "viewer"}), 200),
        ("set_role", &world.member, json!({"role": "king"}), 422),
        ("set_role", &root, json!({"role": "member"}), 409),
        ("set_role", NOTHING, json!({"role": "member"}), 404),
        ("disable_user", &world.member, json!({}), 200),
        ("disable_user", &root, json!({}), 409),
        ("enable_user", &world.member, json!({}), 200),
    ] {
        let call = asking.call(id, &[("id", user)]).json(&body);
        let told = asking.send(&admin, call).await;
        assert_eq!(told.status, status, "{id}: {}", told.text);
    }
    for (query, count) in [
        ("?email=BOB@example.org", 1),
        ("?email=nobody@example.org", 0),
        ("?email=x", 0),
    ] {
        let call = asking.call("list_users", &[]).query(query);
        assert_eq!(
            asking.send(&admin, call).await.json["items"].as_array().map(Vec::len),
            Some(count)
        );
    }
    let all = asking.call("list_projects", &[]).query("?all=true");
    assert_eq!(asking.send(&admin, all).await.status, 200);
    let servers = asking.call("list_instances", &[]);
    assert_eq!(asking.send(&admin, servers).await.json["items"][0]["runs"], 0);
    invitations(asking).await;
    let filters = "?action=set_role&outcome=done&since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z&limit=1";
    let rows = asking.call("list_audit_entries", &[]).query(filters);
    assert_eq!(asking.send(&admin, rows).await.json["items"][0]["action"], "set_role");
    let wrong = asking.call("list_audit_entries", &[]).query("?outcome=maybe&since=x");
    assert_eq!(asking.send(&admin, wrong).await.status, 422);
}

async fn invitations(asking: &mut Asking<'_>) {
    let (world, admin) = (asking.world, asking.world.admin.clone());
    let project = |role: Value| json!({"project_id": world.project, "project_role": role});
    for (body, wrong) in [
        (project(Value::Null), "/project_role"),
        (json!({"project_role": "viewer"}), "/project_id"),
        (json!({"project_id": NOTHING, "project_role": "viewer"}), "/project_id"),
        (json!({"email": "x"}), "/email"),
        (json!({"expires_in": "1y"}), "/expires_in"),
    ] {
        let call = asking.call("create_invitation", &[]).json(&body);
        let refused = asking.send(&admin, call).await;
        assert_eq!(
            refused.json["problems"][0]["pointer"], wrong,
            "{body}: {}",
            refused.text
        );
    }
    let call = asking.call("create_invitation", &[]).json(&project(json!("viewer")));
    let made = asking.send(&admin, call).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/api/v1/invitations/{id}"));
    for status in [204, 404] {
        let withdraw = asking.call("withdraw_invitation", &[("id", id)]);
        assert_eq!(asking.send(&admin, withdraw).await.status, status);
    }
    let gone = asking.call("get_invitation", &[("id", id)]);
    assert_eq!(asking.send(&admin, gone).await.status, 404);
}
