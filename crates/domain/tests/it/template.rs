//! What templates render to.

use gathering_domain::Json;
use gathering_domain::template::Template;
use serde_json::{Value, json};

use crate::support::scope;

fn rendered(template: &Value, input: &Value) -> Result<Value, String> {
    Template::parse(template)
        .expect("a template")
        .render(&scope(input, &json!({"status": 200, "body": [1, "é\""]})))
        .map(|json| json.to_value())
        .map_err(|error| error.to_string())
}

fn refused(template: &Value) -> Vec<String> {
    let errors = Template::parse(template).expect_err("no template");
    errors.iter().map(|(path, error)| format!("{path}: {error}")).collect()
}

#[test]
fn a_string_that_is_one_expression_keeps_its_type() {
    let input = json!({"n": 5, "l": [1], "s": "x", "nothing": null});
    let template = json!({
        "n": "{{ input.n }}", "tight": "{{input.l}}", "dashes": "{{- input.n -}}", "s": "{{ input.s }}",
        "null": "{{ input.nothing }}", "braces": "{{ {'a': '}}'} }}", "kept": [true, 1.5, null, "plain"],
    });
    let value = json!({
        "n": 5, "tight": [1], "dashes": 5, "s": "x", "null": null, "braces": {"a": "}}"},
        "kept": [true, 1.5, null, "plain"],
    });
    assert_eq!(rendered(&template, &input), Ok(value));
}

#[test]
fn other_strings_stay_strings() {
    let input = json!({"n": 5, "l": [1, "a"], "s": "<b>", "nothing": null, "ok": true});
    for (template, text) in [
        ("n is {{ input.n }}", "n is 5"),
        (" {{ input.n }}", " 5"),
        ("{{ input.n }}{{ input.n }}", "55"),
        ("{{ input.n }}\n", "5\n"),
        ("{{ input.s }} & co", "<b> & co"),
        ("l: {{ input.l }}", "l: [1,\"a\"]"),
        ("{{ nodes.fetch.output }}!", "{\"body\":[1,\"é\\\"\"],\"status\":200}!"),
        ("{{ input.nothing }}/{{ input.ok }}", "null/true"),
        ("{% if input.ok %}yes{% else %}no{% endif %}", "yes"),
        ("{% for x in input.l %}{{ loop.index }}{{ x }} {% endfor %}", "11 2a "),
        ("{% for k, v in dict(a=1) | items %}{{ k }}={{ v }}{% endfor %}", "a=1"),
        ("{% raw %}{{ not this }}{% endraw %}", "{{ not this }}"),
        ("a{# remark #}b", "ab"),
        ("a{# remark #}b{{ input.n }}{# {{ remark }} #}c", "ab5c"),
        ("{% raw %}{{ {% endraw %}{{ input.n }}", "{{ 5"),
        ("a {{- input.n -}} \n b", "a5b"),
        ("{{ [1, 2,] }}{{ {'a': '}}'} }}", "[1,2]{\"a\":\"}}\"}"),
        ("{{ (1, 2) }}{{ input.s }}", "[1,2]<b>"),
        ("<{{ 'x' if not input.ok }}>", "<>"),
    ] {
        assert_eq!(rendered(&json!(template), &input), Ok(json!(text)), "{template}");
    }
}

#[test]
fn keys_are_taken_as_they_are_and_keep_their_order() {
    let template = Template::parse(&json!({"z": "{{ 1 }}", "{{ a }}": 2, "a": "{{ 3 }}"})).expect("a template");
    let json = template.render(&scope(&json!(null), &json!(null))).expect("a value");
    assert_eq!(json.text(), r#"{"z":1,"{{ a }}":2,"a":3}"#);
}

#[test]
fn a_constant_is_rendered_by_sharing_it() {
    let template = Template::parse(&json!({"a": ["b", 1, {}]})).expect("a template");
    assert!(template.is_constant());
    let scope = scope(&json!(null), &json!(null));
    let (first, second) = (
        template.render(&scope).expect("a value"),
        template.render(&scope).expect("a value"),
    );
    assert!(std::ptr::eq(first.text(), second.text()));
    assert!(!Template::parse(&json!(["{{ 1 }}"])).expect("a template").is_constant());
}

#[test]
fn what_is_read_is_known_with_its_path() {
    let template = json!({"a": {"b": ["x", "{{ nodes.n1.output }}"]}, "t": "{% for i in nodes.n2.output %}{{ i }}{{ loop.index }}{% endfor %}{{ i }}"});
    let template = Template::parse(&template).expect("a template");
    let found: Vec<_> = template
        .references()
        .into_iter()
        .map(|(path, reference)| format!("{path}: {:?}", reference.name))
        .collect();
    assert_eq!(found, ["a.b[1]: Node(\"n1\")", "t: Node(\"n2\")", "t: Unknown(\"i\")"]);
}

#[test]
fn all_bad_strings_are_told_at_once() {
    insta::assert_debug_snapshot!(refused(&json!({
        "headers": {"x": "{{ input. }}"},
        "items": [1, "fine", "a {{ 1 + }} b"],
        "open": "{{ input.a",
        "empty": "{{ }}",
        "two": "{{ a b }}",
        "set": "x {% set a = 1 %}",
        "include": "{% include 'x' %}",
        "macro": "{% macro m() %}{% endmacro %}",
        "recursive": "{% for a in input recursive %}{% endfor %}",
        "filter": "{{ input | nope }} and more",
        "endless": "{% if input.a %}",
    })));
    assert_eq!(refused(&json!("{{ ( }}")).len(), 1);
}

#[test]
fn a_missing_value_is_an_error_and_no_empty_string() {
    assert_eq!(
        rendered(&json!("{{ input.a }}"), &json!({})),
        Err("`input.a`: it is not defined".to_owned())
    );
    assert_eq!(
        rendered(&json!({"x": "hello {{ input.a }}"}), &json!({})),
        Err("`hello {{ input.a }}`: `input.a` is undefined".to_owned())
    );
    assert_eq!(
        rendered(&json!("{{ input.b }} {{ input.a.c }}"), &json!({"b": 1})),
        Err("`{{ input.b }} {{ input.a.c }}`: `input.a` is undefined".to_owned())
    );
}

#[test]
fn the_same_scope_gives_the_same_text() {
    let template =
        Template::parse(&json!("{{ input }} {{ input.b | tojson }} {{ dict(z=1, a=2) }}")).expect("a template");
    let scope = scope(&json!({"z": 1, "b": {"y": 1, "x": 2}}), &json!(null));
    let texts: Vec<Json> = (0..3).map(|_| template.render(&scope).expect("a value")).collect();
    assert_eq!(texts[0].text(), texts[1].text());
    assert_eq!(texts[1].text(), texts[2].text());
}
