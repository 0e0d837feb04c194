//! What is true of many operations, said in one place: who may ask, what is refused, and the headers of answers.

use serde_json::{Map, Value, json};

use super::rights;

/// Operations that need nothing of the database and so never lack it.
const ALWAYS_THERE: [&str; 2] = ["get_liveness", "get_keys"];

/// An answer that many operations can give, with its name among the components.
struct Refusal {
    status: &'static str,
    name: &'static str,
    description: &'static str,
    /// Whether an operation at this path can answer so.
    applies: fn(&str, &Value) -> bool,
}

const REFUSALS: [Refusal; 11] = [
    Refusal {
        status: "400",
        name: "MalformedJson",
        description: "The body is not a JSON object, or ended too early.",
        applies: has_body,
    },
    Refusal {
        status: "401",
        name: "Unauthenticated",
        description: "There is no access token or API key, or it is not valid (any more).",
        applies: is_secured,
    },
    Refusal {
        status: "403",
        name: "Forbidden",
        description: "The caller may not do this: a role is too small, or the API key has not the scope; `detail` says what is lacking.",
        applies: is_secured,
    },
    Refusal {
        status: "404",
        name: "NotFound",
        description: "There is no such thing, or it belongs to somebody else.",
        applies: names_a_thing,
    },
    Refusal {
        status: "408",
        name: "RequestTimeout",
        description: "The body did not arrive in time.",
        applies: has_body,
    },
    Refusal {
        status: "413",
        name: "PayloadTooLarge",
        description: "The body is larger than the limit.",
        applies: has_body,
    },
    Refusal {
        status: "415",
        name: "UnsupportedMediaType",
        description: "The body is not declared as `application/json`.",
        applies: has_body,
    },
    Refusal {
        status: "422",
        name: "InvalidRequest",
        description: "Fields or parameters break a rule, or are unknown; `problems` names each.",
        applies: is_checked,
    },
    Refusal {
        status: "429",
        name: "RateLimited",
        description: "Too many requests of this kind came too quickly.",
        applies: |_, _| true,
    },
    Refusal {
        status: "500",
        name: "Internal",
        description: "A fault of the server; its log says more, under the request id.",
        applies: |_, _| true,
    },
    Refusal {
        status: "503",
        name: "Unavailable",
        description: "The database is away, there is more work than the server can take, or it shuts down; try again after the time in `Retry-After`.",
        applies: needs_database,
    },
];

/// Goes over all operations.
pub(super) fn complete(document: &mut Value) {
    let components = &mut document["components"];
    components["responses"] = REFUSALS
        .iter()
        .map(|refusal| {
            let mut answer = json!({ "description": refusal.description });
            as_problem(refusal.status, &mut answer);
            (refusal.name.to_owned(), answer)
        })
        .collect::<Map<_, _>>()
        .into();
    components["headers"] = headers();
    components["securitySchemes"] = rights::schemes();
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in methods.as_object_mut().into_iter().flatten() {
            complete_operation(path, operation);
        }
    }
}

fn is_secured(_: &str, operation: &Value) -> bool {
    operation["security"] != json!([])
}

fn has_body(_: &str, operation: &Value) -> bool {
    operation["requestBody"].is_object()
}

/// Unknown fields and parameters are refused everywhere but outside of the API itself.
fn is_checked(path: &str, _: &Value) -> bool {
    path.starts_with(super::PREFIX)
}

fn names_a_thing(path: &str, operation: &Value) -> bool {
    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
    path.contains('{') || parameters.any(|parameter| parameter["name"] == "project_id")
}

fn needs_database(_: &str, operation: &Value) -> bool {
    let id = operation["operationId"].as_str().unwrap_or_default();
    !ALWAYS_THERE.contains(&id)
}

fn complete_operation(path: &str, operation: &mut Value) {
    if operation["security"].is_null() {
        rights::say(operation);
    } else {
        operation["security"] = json!([]);
    }
    let refusals: Vec<_> = REFUSALS
        .iter()
        .filter(|refusal| (refusal.applies)(path, operation))
        .collect();
    optional_body(operation);
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for refusal in refusals {
        let reference = || json!({"$ref": format!("#/components/responses/{}", refusal.name)});
        responses.entry(refusal.status).or_insert_with(reference);
    }
    for (status, answer) in responses.iter_mut() {
        if answer["$ref"].is_null() {
            if status.starts_with(['4', '5']) {
                as_problem(status, answer);
            } else {
                add_headers(status, answer);
            }
        }
    }
    responses.sort_keys();
}

/// A body that may be left out is not null.
fn optional_body(operation: &mut Value) {
    let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
    let Some(schema) = schema.filter(|schema| schema["oneOf"].is_array()) else {
        return;
    };
    *schema = schema["oneOf"][0].take();
    operation["requestBody"]["required"] = json!(false);
}

/// Whatever is refused is a problem.
fn as_problem(status: &str, answer: &mut Value) {
    answer["content"] = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    add_headers(status, answer);
}

/// The headers that every answer has, and those of its status.
fn add_headers(status: &str, answer: &mut Value) {
    let own: &[&str] = match status {
        "401" => &["WWW-Authenticate"],
        "429" | "503" => &["Retry-After"],
        _ => &[],
    };
    let common = [
        "X-Request-Id",
        "RateLimit-Limit",
        "RateLimit-Remaining",
        "RateLimit-Reset",
    ];
    for name in own.iter().chain(&common) {
        answer["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
    }
}

fn headers() -> Value {
    let whole = |description: &str| json!({"description": description, "schema": {"type": "integer", "minimum": 0}});
    json!({
        "X-Request-Id": {
            "description": "The id of the request: the client's own, where it sent one that is fit to be logged (1 to 128 visible ASCII characters), or a new one.",
            "required": true,
            "schema": {"type": "string"},
        },
        "WWW-Authenticate": {
            "description": "How to log in (RFC 6750): `Bearer`, with `error=\"invalid_token\"` where a token was refused.",
            "required": true,
            "schema": {"type": "string"},
        },
        "Retry-After": {
            "description": "After how many seconds it makes sense to try again.",
            "required": true,
            "schema": {"type": "integer", "minimum": 1},
        },
        "RateLimit-Limit": whole("How many requests of this kind are allowed at once; not sent while the server limits nothing."),
        "RateLimit-Remaining": whole("How many of them are left."),
        "RateLimit-Reset": whole("In how many seconds all of them are there again, or the next one where none is left."),
    })
}
