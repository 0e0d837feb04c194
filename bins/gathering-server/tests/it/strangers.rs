//! Every operation of the document, asked by those who have no business with it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::api::Operation;
use crate::api::call::Call;
use crate::api::world::World;
use crate::support::Answer;

/// Whoever looks at this id finds nothing.
const NOTHING: &str = "0193c3f2-0000-7000-8000-000000000000";

const WITHOUT_LIMITS: [(&str, &str); 1] = [("GATHERING_RATE_LIMITS", "off")];

#[tokio::test]
async fn nobody_gets_past_the_login() {
    let world = World::new(&WITHOUT_LIMITS).await;
    let things = world.things();
    let secured = world.document.operations().into_iter().filter(Operation::is_secured);
    let mut asked = 0;
    for operation in secured {
        let values = things.get(&*operation.path).map_or(&[][..], Vec::as_slice);
        let call = Call::new(operation, values).example(&world.document);
        let refused = call.send(&world.nobody, &world.document).await;
        assert_eq!(refused.status, 401, "{}", call.operation.id);
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert_eq!(refused.problem()["code"], "unauthenticated");
        let nonsense = world.nobody.with_token("nonsense");
        let refused = call.send(&nonsense, &world.document).await;
        assert_eq!(refused.status, 401, "{}", call.operation.id);
        assert_eq!(refused.problem()["code"], "invalid_token");
        asked += 1;
    }
    assert!(asked >= 20, "only {asked} operations are behind the login");
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_answered_as_if_it_did_not_exist() {
    let world = World::new(&WITHOUT_LIMITS).await;
    let stranger = world.nobody.with_user("eve@example.org").await;
    let things = world.things();
    let with_things: BTreeSet<_> = world
        .document
        .operations()
        .into_iter()
        .map(|operation| operation.path)
        .collect();
    let with_things: BTreeSet<_> = with_things
        .iter()
        .filter(|path| path.contains('{'))
        .map(String::as_str)
        .collect();
    assert_eq!(
        things.keys().copied().collect::<BTreeSet<_>>(),
        with_things,
        "somebody must say what of the owner's stands behind each path: World::things"
    );
    for operation in world.document.operations() {
        let Some(owners) = things.get(&*operation.path) else {
            continue;
        };
        let nobodys: Vec<_> = owners
            .iter()
            .map(|(name, value)| (*name, if *name == "id" { NOTHING } else { value }))
            .collect();
        let ask = |values: &[(&str, &str)]| Call::new(operation.clone(), values).example(&world.document);
        let theirs = ask(owners).send(&stranger, &world.document).await;
        let none = ask(&nobodys).send(&stranger, &world.document).await;
        if operation.is_for_admins() {
            assert_forbidden(&operation, &theirs);
            assert_eq!(theirs.problem(), none.problem(), "{}", operation.id);
            continue;
        }
        assert_alike(&operation, (theirs, owners[0].1), (none, NOTHING));
    }
    assert_untouched(&world).await;
}

#[tokio::test]
async fn a_project_of_somebody_else_is_answered_as_if_it_did_not_exist() {
    let world = World::new(&WITHOUT_LIMITS).await;
    let stranger = world.nobody.with_user("eve@example.org").await;
    let mut asked = 0;
    for operation in world.document.operations() {
        let in_body = world.document.body(&operation).cloned().unwrap_or_default();
        let named_in_body = in_body["properties"]["project_id"]["format"] == "uuid";
        let ask = |project: &str| {
            let call = Call::new(operation.clone(), &[]);
            if named_in_body {
                let mut body = in_body["example"].clone();
                body["project_id"] = json!(project);
                call.json(&body)
            } else {
                call.query(&format!("?project_id={project}"))
            }
        };
        // An administrator may know of every project.
        if operation.is_for_admins() || !named_in_body && !operation.takes("project_id") {
            continue;
        }
        let theirs = ask(&world.project).send(&stranger, &world.document).await;
        let none = ask(NOTHING).send(&stranger, &world.document).await;
        assert_alike(&operation, (theirs, &world.project), (none, NOTHING));
        asked += 1;
    }
    assert!(asked >= 6, "only {asked} operations take a project");
    assert_untouched(&world).await;
}

#[tokio::test]
async fn what_is_for_administrators_is_forbidden_to_everybody_else() {
    let world = World::new(&WITHOUT_LIMITS).await;
    let things = world.things();
    let mut asked = 0;
    for operation in world.document.operations() {
        if operation.is_for_admins() {
            let values = things.get(&*operation.path).map_or(&[][..], Vec::as_slice);
            let call = Call::new(operation.clone(), values).example(&world.document);
            assert_forbidden(&operation, &call.send(&world.owner, &world.document).await);
            asked += 1;
        }
    }
    assert!(asked >= 10, "only {asked} operations are for administrators");
    let all = Call::new(world.document.operation("list_projects"), &[]).query("?all=true");
    let refused = all.send(&world.owner, &world.document).await;
    assert_forbidden(&all.operation, &refused);
}

fn assert_forbidden(operation: &Operation, answer: &Answer) {
    assert_eq!(
        (answer.status, &answer.problem()["code"]),
        (403, &"forbidden".into()),
        "{}: {}",
        operation.id,
        answer.text
    );
}

/// Two answers that tell apart nothing but the ids that were asked for.
fn assert_alike(operation: &Operation, (theirs, their_id): (Answer, &str), (none, no_id): (Answer, &str)) {
    let id = &operation.id;
    assert_eq!(
        (theirs.status, none.status),
        (404, 404),
        "{id}: {} {}",
        theirs.text,
        none.text
    );
    let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(names(&theirs), names(&none), "{id}");
    let told = |answer: &Answer, id: &str| -> Value { answer.problem().to_string().replace(id, "ID").into() };
    assert_eq!(told(&theirs, their_id), told(&none, no_id), "{id}");
}

/// Everything is still there, as it was.
async fn assert_untouched(world: &World) {
    let owner = &world.owner;
    let things = world.things();
    for operation in world.document.operations() {
        if let Some(values) = things.get(&*operation.path).filter(|_| operation.method == "GET") {
            let seen = Call::new(operation.clone(), values);
            let seen = seen.send(world.who(&operation), &world.document).await;
            assert_eq!(seen.status, 200, "{}", operation.id);
        }
    }
    let pipeline = owner
        .send("GET", &format!("/api/v1/pipelines/{}", world.pipeline), None)
        .await;
    assert_eq!(pipeline.json["version"], 1);
    let waiting = owner
        .send("GET", &format!("/api/v1/runs/{}", world.waiting), None)
        .await;
    assert_eq!(waiting.json["status"], "waiting");
    let breaker = owner
        .send("GET", &format!("/api/v1/breakers/{}", world.breaker), None)
        .await;
    assert_eq!(breaker.json["status"], "open");
    let sessions = owner.send("GET", "/api/v1/auth/sessions", None).await;
    assert_eq!(sessions.json["items"].as_array().map(Vec::len), Some(2));
}
