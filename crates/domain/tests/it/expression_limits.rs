//! Crafted input is refused or stops at a limit; it never takes the process down.

use gathering_domain::Json;
use gathering_domain::expression::Expression;
use gathering_domain::template::Template;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{evaluated, scope, scope_of};

fn failed(source: &str, input: &Value) -> String {
    let error = evaluated(source, input).expect_err("beyond a limit").to_string();
    error.split_once("`: ").expect("names the expression").1.to_owned()
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{'a':", "}"),
        ("not ", ""),
        ("-", ""),
        ("range(", ")"),
    ] {
        for depth in [200, 398, 5_000, 100_000] {
            let source = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            // Signs in front may be many, within the length of an expression.
            let is_short = depth < 400 && close.is_empty();
            assert_eq!(Expression::parse(&source).is_ok(), is_short, "{open} × {depth}");
            let text = json!(format!("{{{{ {source} }}}} x"));
            assert_eq!(Template::parse(&text).is_ok(), is_short, "{open} × {depth}");
        }
    }
}

#[test]
fn long_chains_are_refused_before_the_compiler_recurses_over_them() {
    for link in [
        " + 1",
        " ~ 1",
        " | abs",
        ".a",
        "[0]",
        " if 1",
        " if 1 else 1",
        " and 1",
        " ** 1",
        " < 1",
        " is odd",
        "(1)",
        "[1:2]",
    ] {
        for length in [90, 399, 5_000, 100_000] {
            let source = format!("input{}", link.repeat(length));
            let result = Expression::parse(&source);
            assert!(length < 400 || result.is_err(), "{link} × {length}");
            let _ = Template::parse(&json!(format!("{{{{ {source} }}}} x")));
        }
    }
    for length in [150, 5_000] {
        let chain = "{% elif input %}".repeat(length);
        let template = Template::parse(&json!(format!("{{% if input %}}{chain}{{% endif %}}")));
        assert_eq!(template.is_ok(), length < 200);
        let nest = format!("{}{}", "{% if input %}".repeat(length), "{% endif %}".repeat(length));
        assert!(Template::parse(&json!(nest)).is_err());
    }
}

#[test]
fn work_is_bounded_by_fuel() {
    let fuel = "it takes more work than an expression may do";
    assert_eq!(failed("'x' * 100000000", &json!(null)), fuel);
    assert_eq!(
        failed(
            "range(10000) | map('string') | map('upper') | map('lower') | list | map('title') | list",
            &json!(null)
        ),
        fuel
    );
    let nested = "{% for a in range(1000) %}{% for b in range(1000) %}{{ b }}{% endfor %}{% endfor %}";
    let template = Template::parse(&json!(nested)).expect("a template");
    let error = template
        .render(&scope(&json!(null), &json!(null)))
        .expect_err("too much")
        .to_string();
    assert!(error.ends_with(fuel), "{error}");
    let several = "{{ range(10000) | list | length }} ".repeat(100);
    let template = Template::parse(&json!(several)).expect("a template");
    let error = template
        .render(&scope(&json!(null), &json!(null)))
        .expect_err("too much for one text")
        .to_string();
    assert!(error.ends_with(fuel), "{error}");
    assert!(
        failed("range(1000000000)", &json!(null)).contains("range"),
        "range has its own bound"
    );
}

#[test]
fn results_are_bounded_in_size() {
    let large = "its value is larger than the 1 MiB it may be";
    let input = json!({"big": "x".repeat(600_000)});
    assert_eq!(failed("[input.big, input.big]", &input), large);
    let rendered = |template: Value| {
        let template = Template::parse(&template).expect("a template");
        template
            .render(&scope(&input, &json!(null)))
            .map_err(|error| error.to_string())
    };
    let twice = rendered(json!("{{ input.big }} {{ input.big }}"));
    assert_eq!(
        twice,
        Err(format!("`{{{{ input.big }}}} {{{{ input.big }}}}`: {large}"))
    );
    let apart = rendered(json!(["{{ input.big }}", "{{ input.big }}"]));
    assert_eq!(
        apart,
        Err("`input.big`: with it, the result is larger than the 1 MiB it may be".to_owned())
    );
    let once = rendered(json!("{{ input.big }}")).expect("within the limit");
    assert_eq!(once.text().len(), 600_002);
    let twice = "[input.big, input.big]";
    for source in [
        format!("{twice} | string"),
        format!("{twice} | join"),
        format!("{twice} | tojson"),
        "input.big | replace('x', input.big)".to_owned(),
        "input.big | replace('', input.big)".to_owned(),
    ] {
        let reason = failed(&format!("({source}) | length"), &input);
        assert!(reason.contains("larger than the 1 MiB"), "{source}: {reason}");
    }
}

#[test]
fn what_would_write_out_whole_lists_is_refused() {
    for source in [
        "'' ~ input.big",
        "input.big * 1001",
        "(input.big * 1000) * 1000",
        "[input.big] * 2",
        "input.big * input.n",
        "[1] * 100000000",
        "(input.a + input.b) * (input.n | int)",
        "(input.a or input.b) * 2",
        "[input.big] in 'abc'",
        "[input.big] not in 'abc'",
        "input | map(attribute=[input.big])",
        "input | map([input.big])",
        "input | map(*[input.big])",
        "input | format(1)",
        "input | pprint",
        "input is sameas(input)",
    ] {
        assert!(Expression::parse(source).is_err(), "{source}");
    }
    let reason = failed("[input.big] | upper", &json!({"big": "x".repeat(600_000)}));
    assert!(reason.contains("text is needed, and this is a list"), "{reason}");
}

#[test]
fn documents_nested_too_deeply_are_an_error_for_who_looks_into_them() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = Json::from_text(deep).expect("well formed");
    let scope = scope_of(deep.clone(), deep);
    let failed = |source: &str| {
        let expression = Expression::parse(source).expect("an expression");
        expression.evaluate(&scope).expect_err("too deep").to_string()
    };
    assert_eq!(failed("input"), "`input`: its value is nested too deeply");
    assert_eq!(
        failed("input[0]"),
        "`input[0]`: invalid operation: the input is nested too deeply to look into it"
    );
    assert_eq!(
        failed("nodes.fetch.output[0]"),
        "`nodes.fetch.output[0]`: invalid operation: the output of `fetch` is nested too deeply to look into it"
    );
    assert_eq!(
        failed("[nodes.fetch.output]"),
        "`[nodes.fetch.output]`: invalid operation: the output of `fetch` is nested too deeply to look into it"
    );
}

#[test]
fn templates_nested_too_deeply_are_refused() {
    let mut value = json!("{{ input }}");
    for _ in 0..100 {
        value = json!([value]);
    }
    let errors = Template::parse(&value).expect_err("too deep");
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].1.message, "nested deeper than 64 levels");
}

proptest! {
    #[test]
    fn no_expression_makes_it_panic(source in "\\PC{0,40}") {
        evaluate(&source);
    }

    #[test]
    fn no_expression_of_known_words_makes_it_panic(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..25)
    ) {
        evaluate(&words.concat());
    }

    #[test]
    fn no_template_of_known_words_makes_it_panic(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..25)
    ) {
        if let Ok(template) = Template::parse(&json!({"a": words.concat()})) {
            let _ = template.render(&scope(&json!({"a": [1, "x"]}), &json!(null)));
        }
    }
}

fn evaluate(source: &str) {
    if let Ok(expression) = Expression::parse(source) {
        let scope = scope(&json!({"a": [1, "x"], "n": 3}), &json!({"status": 200}));
        let _ = (expression.evaluate(&scope), expression.truth(&scope));
    }
}

const WORDS: &[&str] = &[
    "input",
    "nodes",
    ".a",
    ".fetch",
    ".output",
    "['my-id']",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    " + ",
    " - ",
    " * ",
    " ** ",
    " ~ ",
    " | ",
    "upper",
    "length",
    "default",
    "map",
    "format",
    "'%s'",
    "items",
    "sort",
    " is ",
    "defined",
    " not ",
    " in ",
    " and ",
    " if ",
    " else ",
    "1",
    "2.5",
    "9999999999999999999999",
    "'x'",
    "\"é",
    ",",
    ":",
    "=",
    "range",
    "dict",
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "for ",
    "x",
    " in ",
    "endfor",
    "if ",
    "endif",
    "elif ",
    "{#",
    "#}",
    "-",
    "raw",
    "endraw",
    "loop",
    "none",
    "true",
    "\n",
    "\\",
    " text ",
];
