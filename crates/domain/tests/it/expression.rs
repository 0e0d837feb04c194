//! What expressions read and give.

use gathering_domain::Json;
use gathering_domain::expression::{Expression, Name};
use serde_json::{Value, json};

use crate::support::{evaluated, scope, scope_of};

fn names(source: &str) -> Vec<(Name, usize)> {
    let expression = Expression::parse(source).expect("an expression");
    let references = expression.references().iter();
    references
        .map(|reference| (reference.name.clone(), reference.position))
        .collect()
}

fn refused(source: &str) -> String {
    Expression::parse(source).expect_err("no expression").to_string()
}

fn failed(source: &str, input: &Value) -> String {
    evaluated(source, input).expect_err("no value").to_string()
}

fn node(id: &str) -> Name {
    Name::Node(id.to_owned())
}

#[test]
fn values_keep_their_types() {
    let input = json!({"n": 1, "f": 1.5, "t": "x", "l": [1, {"a": null}], "b": true, "big": u64::MAX});
    for (source, value) in [
        ("input", input.clone()),
        ("input.n + 1", json!(2)),
        ("input.f", json!(1.5)),
        ("input.l", json!([1, {"a": null}])),
        ("input.l[1].a", json!(null)),
        ("input.big", json!(u64::MAX)),
        ("input.b and not input.b", json!(false)),
        ("input.t + '!'", json!("x!")),
        ("(input.n | int) * 2 * (input.f | float)", json!(3.0)),
        ("'ab' * 2", json!("abab")),
        ("input.n * 1000 + 2 * input.f", json!(1003.0)),
        ("'x' in input.t", json!(true)),
        ("input.l | join(', ')", json!("1, {\"a\":null}")),
        ("'a b' | title | replace('B', 'c') | upper", json!("A C")),
        ("{'a': [input.n]}", json!({"a": [1]})),
        ("range(3)", json!([0, 1, 2])),
        ("input.l | length", json!(2)),
        ("nodes.fetch.output.status == 200", json!(true)),
        ("nodes['my-id'].output", json!("dashed")),
        ("nodes[input.id | default('fetch')].output.status", json!(200)),
        ("nodes.late.output is defined", json!(false)),
        ("nodes.late.output | default('none')", json!("none")),
        ("run.id", json!("00000000-0000-0000-0000-000000000007")),
        ("nodes.fetch", json!({"output": {"status": 200, "body": [1, 2]}})),
        ("nodes.fetch.output.body[0:1]", json!([1])),
    ] {
        assert_eq!(evaluated(source, &input), Ok(value), "{source}");
    }
}

#[test]
fn a_whole_document_is_handed_on_digit_for_digit() {
    let text = r#"{"z":1.00000000000000000001,"a":123456789012345678901234567890}"#;
    let document = Json::from_text(text.to_owned()).expect("JSON");
    let scope = scope_of(document.clone(), document);
    for source in ["{{ input }}", "{{ nodes.fetch.output }}", "{{ nodes['fetch'].output }}"] {
        let template = gathering_domain::template::Template::parse(&json!({"v": source})).expect("a template");
        let rendered = template.render(&scope).expect("a value");
        assert_eq!(rendered.text(), format!("{{\"v\":{text}}}"));
    }
}

#[test]
fn only_booleans_are_true_or_false() {
    let truth = |source: &str| {
        Expression::parse(source)
            .expect("an expression")
            .truth(&scope(&json!({"n": 1}), &json!(null)))
            .map_err(|error| error.to_string())
    };
    assert_eq!(truth("input.n == 1"), Ok(true));
    assert_eq!(truth("input.n > 1"), Ok(false));
    let refused = |reason: &str| Err(format!("{reason}, where true or false is needed"));
    assert_eq!(truth("input.n"), refused("`input.n`: gave a number (1)"));
    assert_eq!(truth("'yes'"), refused("`'yes'`: gave a string (yes)"));
    assert_eq!(truth("input"), refused("`input`: gave an object"));
    assert_eq!(truth("[1]"), refused("`[1]`: gave a list"));
    assert_eq!(truth("nodes.fetch.output"), refused("`nodes.fetch.output`: gave null"));
    assert_eq!(truth("input.x"), Err("`input.x`: it is not defined".to_owned()));
}

#[test]
fn an_undefined_value_is_an_error_that_names_it() {
    assert_eq!(failed("input.url", &json!({})), "`input.url`: it is not defined");
    assert_eq!(
        failed("nodes.late.output", &json!({})),
        "`nodes.late.output`: it is not defined"
    );
    assert_eq!(
        failed("input.a.b + 1", &json!({})),
        "`input.a.b + 1`: `input.a` is undefined"
    );
    assert_eq!(
        failed("input.a | upper", &json!({})),
        "`input.a | upper`: invalid operation: text is needed, and this is not defined"
    );
    assert_eq!(
        failed("input.n + 'x'", &json!({"n": 1})),
        "`input.n + \'x\'`: invalid operation: tried to use + operator on unsupported types number and string"
    );
}

#[test]
fn what_is_read_is_known_with_its_place() {
    assert_eq!(names("1 + 1"), []);
    assert_eq!(names("input.a + input.b"), [(Name::Input, 0)]);
    assert_eq!(names("run.id + nodes.a.output"), [(Name::Run, 0), (node("a"), 9)]);
    assert_eq!(names("nodes['my-id'].output.x[0]"), [(node("my-id"), 0)]);
    assert_eq!(names("nodes[input.x].output"), [(Name::AnyNode, 0), (Name::Input, 6)]);
    assert_eq!(names("nodes.a.output[1:input.n]"), [(node("a"), 0), (Name::Input, 17)]);
    assert_eq!(names("dict(a=nodes.a.output)"), [(node("a"), 7)]);
    assert_eq!(
        names("input | join(nodes.a.output)"),
        [(Name::Input, 0), (node("a"), 13)]
    );
    assert_eq!(
        names("1 if nodes.a.output else nodes.b.output"),
        [(node("a"), 5), (node("b"), 25)]
    );
}

#[test]
fn names_that_stand_for_nothing_are_known_too() {
    for (source, name) in [
        ("inptu.a", "inptu"),
        ("project.name", "project"),
        ("item", "item"),
        ("run.status", "run.status"),
        ("nodes", "nodes"),
        ("nodes | length", "nodes"),
        ("nodes.a.outputs", "nodes.a.outputs"),
        ("range", "range"),
        ("debug()", "debug"),
        ("namespace()", "namespace"),
        ("loop", "loop"),
    ] {
        assert_eq!(names(source), [(Name::Unknown(name.to_owned()), 0)], "{source}");
    }
    assert_eq!(
        names("nodes.my-id.output"),
        [(Name::Node("my".to_owned()), 0), (Name::Unknown("id".to_owned()), 9)]
    );
}

#[test]
fn a_bad_expression_is_refused_with_its_place() {
    insta::assert_debug_snapshot!(
        [
            "",
            "1 +",
            "input.",
            "(1",
            "input.a b",
            "'open",
            "a | nope",
            "1 is nope",
            "{{ input.a }}",
            "1\n  + )"
        ]
        .map(refused)
    );
}
