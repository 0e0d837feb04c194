//! Every operation of the document, asked as everybody whom the one table of who may do what tells apart.

use gathering_domain::policy::{
    AccountAction, Actor, Key, Missing, ProjectAction, ProjectRole, Role, Scope, Scopes, ServerAction, Standing,
    Verdict,
};
use serde_json::{Value, json};

use crate::api::Operation;
use crate::api::call::Call;
use crate::api::world::World;
use crate::support::{Answer, Site};

const NOTHING: &str = "0193c3f2-0000-7000-8000-000000000000";

/// Somebody who asks, as the table knows them.
struct Asker {
    email: String,
    site: Site,
    actor: Actor,
    standing: Standing,
}

#[tokio::test]
async fn every_operation_is_open_to_exactly_those_whom_the_table_lets_do_it() {
    let world = World::new(&[("GATHERING_RATE_LIMITS", "off")]).await;
    let askers = askers(&world).await;
    let mut operations: Vec<_> = world.document.operations();
    operations.retain(Operation::is_secured);
    // After it nobody is in any more.
    operations.sort_by_key(|operation| operation.id == "end_own_session");
    let mut seen = [0; 3];
    for asker in &askers {
        for operation in &operations {
            let call = prepared(&world, operation).await;
            let answer = call.send(&asker.site, &world.document).await;
            let verdict = verdict(operation, asker);
            let what = format!(
                "{} {} as {:?}, {:?}",
                asker.email, operation.id, asker.actor, asker.standing
            );
            assert_eq!(told(operation, &answer), word(verdict), "{what}: {}", answer.text);
            seen[match verdict {
                Verdict::Allowed => 0,
                Verdict::Denied(_) => 1,
                Verdict::Hidden => 2,
            }] += 1;
        }
    }
    assert!(seen.into_iter().all(|count| count > 100), "{seen:?}");
}

/// Each role on the server with each in the project; and each scope of an API key for some of them.
async fn askers(world: &World) -> Vec<Asker> {
    let mut askers = Vec::new();
    for role in Role::ALL.iter().copied() {
        let roles = ProjectRole::ALL.iter().copied().map(Standing::Member);
        for standing in [Standing::Stranger].into_iter().chain(roles) {
            askers.push(asker(world, role, standing).await);
        }
    }
    let mut keys = Vec::new();
    for asker in &askers {
        if asker.actor.role > Role::Viewer && asker.standing != Standing::Member(ProjectRole::Viewer) {
            for scope in Scope::ALL {
                let site = asker.site.key(scope.as_str()).await.0;
                keys.push(with_key(asker, site, [scope], asker.standing));
            }
            let mine = asker.site.send("GET", "/api/v1/auth/me", None).await.json;
            let body = json!({"name": "elsewhere", "scopes": ["read", "run", "write", "admin"], "project_id": mine["default_project_id"]});
            let site = asker.site.key_for(&body).await.0;
            keys.push(with_key(asker, site, Scope::ALL, Standing::Elsewhere));
        }
    }
    askers.append(&mut keys);
    askers
}

async fn asker(world: &World, role: Role, standing: Standing) -> Asker {
    let (suffix, member) = match standing {
        Standing::Member(member) => (member.as_str(), Some(member)),
        Standing::Stranger | Standing::Elsewhere => ("stranger", None),
    };
    let email = format!("{role}-{suffix}@example.org");
    let site = world.nobody.with_role(&email, role.as_str()).await;
    if let Some(member) = member {
        let me = site.send("GET", "/api/v1/auth/me", None).await.json;
        let path = format!("/api/v1/projects/{}/members", world.project);
        let body = json!({"user_id": me["id"], "role": member.as_str()});
        assert_eq!(world.owner.send("POST", &path, Some(&body)).await.status, 201);
    }
    Asker {
        email,
        site,
        actor: Actor { role, key: None },
        standing,
    }
}

fn with_key(asker: &Asker, site: Site, scopes: impl IntoIterator<Item = Scope>, standing: Standing) -> Asker {
    Asker {
        email: asker.email.clone(),
        site,
        actor: Actor {
            role: asker.actor.role,
            key: Some(Key {
                scopes: Scopes::from_iter(scopes),
                confined: standing == Standing::Elsewhere,
            }),
        },
        standing,
    }
}

/// What the table says of the action that the document names; and that the document says the same of what it takes.
fn verdict(operation: &Operation, asker: &Asker) -> Verdict {
    let said = &operation.json["x-permission"];
    let word = said["action"].as_str().unwrap();
    let (actor, standing) = (asker.actor, asker.standing);
    let project = ProjectAction::ALL.iter().find(|action| action.as_str() == word);
    let project = project.map(|action| (actor.in_project(*action, standing), action.scope()));
    let server = ServerAction::ALL.iter().find(|action| action.as_str() == word);
    let server = server.map(|action| (actor.on_server(*action), action.scope()));
    let account = AccountAction::ALL.iter().find(|action| action.as_str() == word);
    let account = account.map(|action| (actor.on_account(*action), action.scope()));
    let found = project.or(server).or(account);
    assert!(found.is_some(), "{} does {word}, which is no action", operation.id);
    let (verdict, scope) = found.unwrap();
    let mut security = vec![json!({"access_token": []})];
    security.extend(scope.map(|scope| json!({"api_key": [scope.as_str()]})));
    assert_eq!(operation.json["security"], Value::Array(security), "{}", operation.id);
    verdict
}

/// A call that changes nothing which a later one needs: what is not in the project itself is asked for something that does not exist.
async fn prepared(world: &World, operation: &Operation) -> Call {
    let things = world.things();
    let in_project = !operation.json["x-permission"]["project_role"].is_null();
    let values = things.get(&*operation.path).map_or(&[][..], Vec::as_slice);
    let fresh = match &*operation.id {
        "delete_pipeline" => {
            let definition = json!({"nodes": [{"id": "start", "type": "trigger"}]});
            Some(world.owner.pipeline(&definition).await)
        }
        "delete_schedule" => {
            let create = world.document.operation("create_schedule");
            Some(
                world
                    .owner
                    .schedule(&world.document.body(&create).unwrap()["example"])
                    .await,
            )
        }
        _ => None,
    };
    let values = values.iter().map(|(name, value)| match (*name, &fresh) {
        ("id", Some(fresh)) => ("id", &**fresh),
        ("id", None) if !in_project => ("id", NOTHING),
        ("user_id", _) => ("user_id", NOTHING),
        _ => (*name, *value),
    });
    let values: Vec<_> = values.collect();
    let call = Call::new(operation.clone(), &values);
    let call = if in_project && operation.takes("project_id") {
        call.query(&format!("?project_id={}", world.project))
    } else {
        call
    };
    let Some(body) = world.document.body(operation) else {
        return call;
    };
    let mut example = body["example"].clone();
    if in_project && !body["properties"]["project_id"].is_null() {
        example["project_id"] = json!(world.project);
    }
    call.json(&example)
}

/// What was answered, in the words of [`word`].
fn told(operation: &Operation, answer: &Answer) -> &'static str {
    let in_project = !operation.json["x-permission"]["project_role"].is_null();
    let detail = answer.json["detail"].as_str().unwrap_or_default();
    // A member or a node that does not exist is not hidden: its project, or its run, was seen.
    let names_another = [NOTHING, "no node"].iter().any(|word| detail.contains(word));
    match answer.status {
        403 if detail.contains("the role") => "lacks a role",
        403 if detail.contains("the scope") => "lacks a scope",
        403 if detail.contains("no API key may") => "lacks a login",
        403 if detail.contains("one project only") => "lacks a whole key",
        404 if in_project && !names_another => "hidden",
        401 | 403 => "refused",
        _ => {
            assert!(answer.status < 500, "{}", answer.text);
            "allowed"
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied(Missing::Role(_) | Missing::ProjectRole(_)) => "lacks a role",
        Verdict::Denied(Missing::Scope(_)) => "lacks a scope",
        Verdict::Denied(Missing::Login) => "lacks a login",
        Verdict::Denied(Missing::WholeKey) => "lacks a whole key",
        Verdict::Hidden => "hidden",
    }
}
