//! Makes the schemas say exactly what is sent, in a form that generators of clients understand.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// Marks a property that may be missing as well as null; it is not part of the document.
const MAY_BE_MISSING: &str = "x-may-be-missing";
const COMPONENTS: &str = "#/components/schemas/";

/// Goes over the whole document.
pub(super) fn complete(document: &mut Value) {
    flatten(document);
    name_pages(document);
    document["components"]["schemas"]["PipelineView"]["properties"]["definition"] =
        json!({"$ref": format!("{COMPONENTS}Definition"), "description": "The definition as it was saved."});
    let schemas = document.pointer_mut("/components/schemas");
    let schemas = schemas.and_then(Value::as_object_mut).into_iter().flatten();
    for (_, schema) in schemas.filter(|(_, schema)| !is_closed(schema)) {
        require_what_is_sent(schema);
    }
    inline_scalars(document);
    each(document, &mut |object| {
        object.shift_remove(MAY_BE_MISSING);
        // Names are texts in any case, and some generators stumble over being told.
        object.shift_remove("propertyNames");
        parameter_is_never_null(object);
        say_that_anything_is_in_it(object);
        speak_json(object);
    });
    drop_unused(document);
}

/// Calls `change` for every object in it, the inner ones first.
fn each(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|value| each(value, change));
            change(object);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A body that is sent to us: what may be left out there may be null as well.
fn is_closed(schema: &Value) -> bool {
    schema["additionalProperties"] == json!(false)
}

/// Structs that are flattened into others become one object: that is how they are sent.
fn flatten(document: &mut Value) {
    // As deep as they are nested in each other.
    for _ in 0..3 {
        let known = document["components"]["schemas"].clone();
        let schemas = document.pointer_mut("/components/schemas");
        for (_, schema) in schemas.and_then(Value::as_object_mut).into_iter().flatten() {
            let Some(Value::Array(parts)) = schema.as_object_mut().and_then(|object| object.shift_remove("allOf"))
            else {
                continue;
            };
            for part in &parts {
                join(schema, component(part, &known).unwrap_or(part));
            }
        }
    }
}

/// Adds what another schema of an object says.
fn join(schema: &mut Value, other: &Value) {
    schema["type"] = json!("object");
    if other["allOf"].is_array() {
        // Its turn comes with the next round.
        schema["allOf"] = other["allOf"].clone();
    }
    for (name, property) in other["properties"].as_object().into_iter().flatten() {
        schema["properties"][name] = property.clone();
    }
    let mut required = schema["required"].as_array().cloned().unwrap_or_default();
    required.extend(other["required"].as_array().cloned().unwrap_or_default());
    if !required.is_empty() {
        schema["required"] = Value::Array(required);
    }
}

fn component<'a>(reference: &Value, schemas: &'a Value) -> Option<&'a Value> {
    schemas.get(reference["$ref"].as_str()?.strip_prefix(COMPONENTS)?)
}

/// Ids and arbitrary JSON stand where they are used: as types of their own they are a burden in most languages. A null among any JSON needs no
/// mention, and would be ambiguous.
fn inline_scalars(document: &mut Value) {
    let known = document["components"]["schemas"].clone();
    each(document, &mut |object| {
        if let Some(schema) = scalar(&Value::Object(object.clone()), &known) {
            object.shift_remove("$ref");
            put_behind(object, schema);
        }
        simplify_nullable(object);
    });
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    if let Some(schemas) = schemas {
        schemas.retain(|_, schema| !is_scalar(schema));
    }
}

/// One of null and something else: the words stand above it, and a single type is a list of two.
fn simplify_nullable(object: &mut Map<String, Value>) {
    let Some(other) = object.get("oneOf").and_then(besides_null) else {
        return;
    };
    let mut other = other.as_object().cloned().unwrap_or_default();
    if let Some(description) = other.shift_remove("description") {
        object.entry("description").or_insert(description);
    }
    if other.contains_key("$ref") {
        object.insert("oneOf".to_owned(), json!([other, {"type": "null"}]));
    } else {
        if let Some(Value::String(name)) = other.get("type").cloned() {
            other.insert("type".to_owned(), json!([name, "null"]));
        }
        object.shift_remove("oneOf");
        put_behind(object, other);
    }
}

/// The other one of two alternatives of which one is null.
fn besides_null(alternatives: &Value) -> Option<&Value> {
    match alternatives.as_array()?.as_slice() {
        [other, null] | [null, other] if null["type"] == "null" => Some(other),
        _ => None,
    }
}

/// The words of the place itself count more than those of the type.
fn put_behind(object: &mut Map<String, Value>, schema: Map<String, Value>) {
    for (name, value) in schema {
        object.entry(name).or_insert(value);
    }
}

fn scalar(reference: &Value, schemas: &Value) -> Option<Map<String, Value>> {
    let found = component(reference, schemas).filter(|schema| is_scalar(schema))?;
    let mut found = found.as_object().cloned()?;
    found.shift_remove("description");
    Some(found)
}

/// A UUID, or anything at all.
fn is_scalar(schema: &Value) -> bool {
    let is_any = ["type", "$ref", "oneOf", "allOf", "properties"]
        .iter()
        .all(|name| schema[name].is_null());
    schema["format"] == "uuid" || is_any
}

/// Of what is answered, null is sent where nothing is known: such a property is always there. What is left out instead is never null.
fn require_what_is_sent(schema: &mut Value) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let sent = |property: &Value| allows_null(property) && property[MAY_BE_MISSING] != true;
    let before = schema["required"].as_array().cloned().unwrap_or_default();
    let required = properties
        .iter()
        .filter(|(name, property)| before.contains(&json!(name)) || sent(property))
        .map(|(name, _)| json!(name));
    schema["required"] = required.collect();
}

fn allows_null(schema: &Value) -> bool {
    let is_null = |value: &Value| *value == "null" || value["type"] == "null";
    let listed = [&schema["type"], &schema["oneOf"]];
    listed.iter().filter_map(|list| list.as_array()).flatten().any(is_null)
}

/// In a query there is no null.
fn parameter_is_never_null(object: &mut Map<String, Value>) {
    if !object.contains_key("in") {
        return;
    }
    let Some(schema) = object.get_mut("schema") else { return };
    if let Some(Value::Array(types)) = schema.get("type").cloned() {
        let mut types = types.into_iter().filter(|name| name != "null");
        schema["type"] = types.next().unwrap_or_default();
    }
    if let Some(other) = besides_null(&schema["oneOf"]) {
        *schema = other.clone();
    }
}

/// An object of which nothing is said may have anything; without a word, some generators take it for empty.
fn say_that_anything_is_in_it(object: &mut Map<String, Value>) {
    let is_object = object.get("type").is_some_and(|kind| {
        let kinds = kind.as_array().map_or(std::slice::from_ref(kind), Vec::as_slice);
        kinds.contains(&json!("object"))
    });
    if is_object && !object.contains_key("properties") {
        object.entry("additionalProperties").or_insert(json!(true));
    }
}

/// The words are those of the types in Rust.
fn speak_json(object: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.replace("`None`", "null");
    }
}

/// `Page_Session` is called `SessionPage`, and refers to its items.
fn name_pages(document: &mut Value) {
    let renamed = |name: &str| name.strip_prefix("Page_").map(|item| format!("{item}Page"));
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, mut schema) in std::mem::take(schemas) {
        if let Some(item) = name.strip_prefix("Page_") {
            schema["properties"]["items"]["items"] = json!({"$ref": format!("{COMPONENTS}{item}")});
        }
        schemas.insert(renamed(&name).unwrap_or(name), schema);
    }
    each(document, &mut |object| {
        if let Some(Value::String(reference)) = object.get_mut("$ref")
            && let Some(name) = reference.strip_prefix(COMPONENTS).and_then(renamed)
        {
            *reference = format!("{COMPONENTS}{name}");
        }
    });
}

/// What was only flattened into others.
fn drop_unused(document: &mut Value) {
    let mut used = HashSet::new();
    each(document, &mut |object| {
        if let Some(Value::String(reference)) = object.get("$ref") {
            used.extend(reference.strip_prefix(COMPONENTS).map(str::to_owned));
        }
    });
    // What refuses a request is referred to when that is added.
    used.insert("Problem".to_owned());
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    if let Some(schemas) = schemas {
        schemas.retain(|name, _| used.contains(name));
    }
}
