use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

/// Routes that describe the others.
const ABOUT: [&str; 3] = ["/openapi.json", "/docs", "/docs/{file:.*}"];

/// The routes as the sources register them: path, and methods without HEAD, which goes with GET.
fn registered() -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let sources = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut sources: Vec<_> = sources.filter(|path| path.is_file()).collect();
    sources.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/openapi/mod.rs"));
    let mut routes = BTreeMap::new();
    for source in sources {
        let text = std::fs::read_to_string(&source).unwrap();
        let mut found = 0;
        for part in text.split("methods(resource(\"").skip(1) {
            let (path, rest) = part.split_once("\"), \"").unwrap();
            let methods = rest.split_once('"').unwrap().0;
            let at_root = ["/health/", "/.well-known/"].iter().any(|root| path.starts_with(root));
            if !ABOUT.contains(&path) {
                let prefix = if at_root { "" } else { PREFIX };
                let methods = methods.split(", ").filter(|method| *method != "HEAD");
                routes.insert(format!("{prefix}{path}"), methods.map(str::to_lowercase).collect());
            }
            found += 1;
        }
        let all = text.matches("resource(\"").count() + text.matches(".route(\"").count();
        let in_tests = text.matches("app.route(\"").count();
        assert_eq!(
            all - in_tests,
            found,
            "{} registers a route in another way",
            source.display()
        );
    }
    routes
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[test]
fn every_route_is_documented_and_everything_documented_is_a_route() {
    let document = document();
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, method, _) in operations(&document) {
        documented.entry(path.to_owned()).or_default().insert(method.to_owned());
    }
    assert_eq!(registered(), documented);
}

#[test]
fn operations_have_names_tags_and_words_and_all_of_them_are_unlike() {
    let document = document();
    let tags: Vec<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let is_name = id.split_once('_').is_some() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(is_name, "{id} is no verb_noun");
        assert!(names.insert(id), "{id} is the name of two operations");
        assert!(operation["summary"].is_string(), "{method} {path} has no doc comment");
        assert!(
            tags.contains(&&operation["tags"][0]),
            "{method} {path} has no known tag"
        );
        assert!(
            operation["security"].is_array(),
            "{method} {path} says not what it takes; see `rights`"
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_nothing_stands_there_in_vain() {
    let document = document();
    let mut referred = BTreeSet::new();
    let mut stack = vec![&document];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
                    referred.insert(reference.clone());
                }
                stack.extend(object.values());
            }
            Value::Array(items) => stack.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(referred.contains(&reference), "nobody needs {reference}");
        }
    }
}

#[test]
fn nobody_has_to_know_rust_to_read_it() {
    let text = document().to_string();
    for word in ["[`", "`None`", "`Some", "::"] {
        let place = text
            .find(word)
            .map(|place| text[place.saturating_sub(100)..place + 20].to_owned());
        assert_eq!(place, None, "{word}");
    }
}

#[test]
fn bodies_are_closed_and_of_one_kind() {
    let document = document();
    for (path, method, operation) in
        operations(&document).filter(|(.., operation)| operation["requestBody"].is_object())
    {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let reference = schema["$ref"]
            .as_str()
            .unwrap_or_else(|| panic!("{method} {path}: {schema}"));
        assert_eq!(
            document.pointer(&reference[1..]).unwrap()["additionalProperties"],
            json!(false),
            "{reference} takes unknown fields"
        );
    }
}

#[test]
fn a_schedule_takes_the_fields_that_the_document_names() {
    let document = document();
    let named = |schema: &str| -> BTreeSet<String> {
        let properties = document["components"]["schemas"][schema]["properties"].as_object();
        properties.unwrap().keys().cloned().collect()
    };
    let taken: BTreeSet<String> = schedules::FIELDS.iter().map(|name| (*name).to_owned()).collect();
    let told = schedules::TOLD.iter().map(|name| (*name).to_owned());
    assert_eq!(named("ScheduleChange"), taken.iter().cloned().chain(told).collect());
    assert_eq!(
        &named("NewSchedule") - &taken,
        BTreeSet::from(["project_id".to_owned()])
    );
    assert!(named("NewSchedule").is_superset(&taken));
}

/// The schemas that bodies and answers have.
fn spoken(document: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, _, operation) in operations(document) {
        let answers = operation["responses"].as_object().unwrap().values();
        let media = answers.chain([&operation["requestBody"]]);
        let media = media
            .map(|media| &media["content"]["application/json"])
            .filter(|media| media["example"].is_null());
        let references = media.filter_map(|media| media["schema"]["$ref"].as_str());
        names.extend(references.map(|reference| reference.rsplit('/').next().unwrap().to_owned()));
    }
    names
}

#[test]
fn every_body_and_every_answer_has_an_example_that_is_one() {
    let document = document();
    let examples: BTreeMap<String, Value> = serde_json::from_str(include_str!("examples.json")).unwrap();
    let spoken = spoken(&document);
    for name in examples.keys() {
        assert!(spoken.contains(name), "nobody answers {name}");
    }
    for name in spoken {
        let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
        let validator = options.should_validate_formats(true).build(&schema).unwrap();
        let example = &document["components"]["schemas"][&name]["example"];
        assert!(!example.is_null(), "{name} has no example");
        let wrong: Vec<_> = validator.iter_errors(example).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
}

#[test]
fn the_document_as_it_is() {
    let mut document = document();
    document["info"]["version"] = json!("of the release");
    insta::assert_json_snapshot!("openapi", document);
}
