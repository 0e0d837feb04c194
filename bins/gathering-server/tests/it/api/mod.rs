//! The document at /openapi.json, as a client has it, and whether answers keep to it.

pub(crate) mod call;
pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};

use gathering_testkit::Response;
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

/// The document of a server.
pub(crate) struct Document {
    json: Value,
    /// Of each named schema, with what it does not name refused.
    schemas: BTreeMap<String, Validator>,
}

/// An operation of it.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) json: Value,
}

/// What is compared with it of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a BTreeMap<String, String>,
    pub(crate) json: &'a Value,
}

impl Document {
    /// Takes it apart.
    pub(crate) fn new(json: Value) -> Self {
        assert_eq!(json["openapi"], "3.1.0");
        let mut closed = json["components"]["schemas"].clone();
        close(&mut closed);
        let validator = |name: &String| {
            let schema =
                json!({"$ref": format!("#/components/schemas/{name}"), "components": {"schemas": closed.clone()}});
            let options = jsonschema::options().with_draft(Draft::Draft202012);
            options.should_validate_formats(true).offline().build(&schema).unwrap()
        };
        let names = json["components"]["schemas"].as_object().unwrap().keys();
        Self {
            schemas: names.map(|name| (name.clone(), validator(name))).collect(),
            json,
        }
    }

    /// All operations.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let paths = self.json["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .iter()
                .map(move |(method, json)| Operation {
                    id: json["operationId"].as_str().unwrap().to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    json: json.clone(),
                })
        });
        operations.collect()
    }

    /// The operation of this name.
    pub(crate) fn operation(&self, id: &str) -> Operation {
        let found = self.operations().into_iter().find(|operation| operation.id == id);
        assert!(found.is_some(), "there is no operation {id}");
        found.unwrap()
    }

    /// What a reference leads to, or the thing itself.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.json.pointer(&reference[1..]).unwrap(),
            None => value,
        }
    }

    /// The schema of the body of an operation.
    pub(crate) fn body(&self, operation: &Operation) -> Option<&Value> {
        let schema = operation
            .json
            .pointer("/requestBody/content/application~1json/schema")?;
        self.json.pointer(&schema["$ref"].as_str()?[1..])
    }

    /// Fails unless the operation may answer so: the status, the headers, and each field of the body.
    pub(crate) fn check(&self, operation: &Operation, told: Told<'_>) {
        let (id, status) = (&operation.id, told.status);
        let answer = &operation.json["responses"][status.to_string()];
        assert!(answer.is_object(), "{id} is not said to answer {status}: {}", told.json);
        let answer = self.resolved(answer);
        for (name, header) in answer["headers"].as_object().into_iter().flatten() {
            let must = self.resolved(header)["required"] == true || !name.starts_with("RateLimit-");
            let sent = told.headers.contains_key(&name.to_lowercase());
            assert!(sent || !must, "{id} {status} came without {name}");
        }
        let Some(content) = answer["content"].as_object() else {
            assert_eq!(*told.json, Value::Null, "{id} {status} came with a body");
            return;
        };
        let (kind, media) = content.iter().next().unwrap();
        let sent = told.headers.get("content-type").map_or("", String::as_str);
        assert_eq!(sent, kind, "{id} {status}");
        if kind.starts_with("image/") {
            assert_eq!(*told.json, Value::Null, "{id} {status} came with JSON");
            return;
        }
        let name = media["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let wrong = self.wrong(name, told.json);
        assert!(wrong.is_empty(), "{id} {status}: {wrong:?}\n{:#}", told.json);
        if status >= 400 {
            assert_eq!(told.json["status"], status);
            assert_eq!(
                told.json["request_id"].as_str(),
                told.headers.get("x-request-id").map(String::as_str)
            );
        }
    }

    /// What keeps a value from being what this schema says, and nothing else.
    pub(crate) fn wrong(&self, schema: &str, value: &Value) -> Vec<String> {
        let errors = self.schemas[schema].iter_errors(value);
        errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }

    /// The statuses that an operation is said to answer with.
    pub(crate) fn statuses(operation: &Operation) -> BTreeSet<u16> {
        let statuses = operation.json["responses"].as_object().unwrap().keys();
        statuses.map(|status| status.parse().unwrap()).collect()
    }
}

impl<'a> Told<'a> {
    /// Of an answer as the testkit's client gives it.
    pub(crate) fn of(answer: &'a Response) -> Self {
        Self {
            status: answer.status,
            headers: &answer.headers,
            json: &answer.json,
        }
    }
}

impl Operation {
    /// Whether it wants a token.
    pub(crate) fn is_secured(&self) -> bool {
        self.json["security"] != json!([])
    }

    /// Whether it is an administrator's alone.
    pub(crate) fn is_for_admins(&self) -> bool {
        self.json["x-permission"]["server_role"] == "admin"
    }

    /// Its path with these values.
    pub(crate) fn at(&self, values: &[(&str, &str)]) -> String {
        let path = values.iter().fold(self.path.clone(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value)
        });
        assert!(!path.contains('{'), "nobody says what {path} is");
        path
    }

    /// Whether it has this parameter in its query.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let parameters = self.json["parameters"].as_array().into_iter().flatten();
        parameters.into_iter().any(|parameter| parameter["name"] == name)
    }
}

/// An answer has nothing that is not named.
fn close(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object
                .get("properties")
                .is_some_and(|properties| properties["type"] != "object")
            {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
