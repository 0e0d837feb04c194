//! What the action of a schedule sees of its firing.

use gathering_domain::definition::{Problem, Rules, compile};
use gathering_domain::firing::{FiringFacts, FiringTemplate, MEMBERS, TemplateProblem};
use gathering_domain::template::Template;
use gathering_domain::{FiringId, Json, ScheduleId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::scope;

fn facts() -> FiringFacts<'static> {
    FiringFacts {
        id: FiringId::from(Uuid::from_u128(1)),
        schedule_id: ScheduleId::from(Uuid::from_u128(2)),
        schedule: "nightly \"report\"",
        due_at: "2026-03-29T01:30:00Z".parse().expect("a time"),
        origin: "schedule",
    }
}

fn rendered(template: &Value) -> Result<Value, String> {
    let template = FiringTemplate::parse(&Json::from_value(template)).expect("a template");
    let json = template.render(&facts()).map_err(|error| error.to_string())?;
    Ok(json.to_value())
}

fn refused(template: &Value) -> Vec<String> {
    let problems = FiringTemplate::parse(&Json::from_value(template)).expect_err("no template");
    let told = |TemplateProblem { field, message }: TemplateProblem| format!("{field}: {message}");
    problems.into_iter().map(told).collect()
}

#[test]
fn a_template_is_rendered_with_the_facts_of_its_firing() {
    let all = json!({
        "due_at": "2026-03-29T01:30:00Z", "id": "00000000-0000-0000-0000-000000000001", "origin": "schedule",
        "schedule": "nightly \"report\"", "schedule_id": "00000000-0000-0000-0000-000000000002"});
    assert_eq!(facts().to_json().to_value(), all);
    let names: Vec<&String> = all.as_object().unwrap().keys().collect();
    assert_eq!(names, MEMBERS);
    for (template, value) in [
        (json!("{{ firing }}"), all.clone()),
        (json!("{{ firing['due_at'][:10] }}"), json!("2026-03-29")),
        (json!("{{ firing.origin == 'schedule' }}"), json!(true)),
        (json!("for {{ firing.schedule }}"), json!("for nightly \"report\"")),
        (json!("plain"), json!("plain")),
        (json!(null), json!(null)),
        (
            json!({"day": ["{{ firing.due_at | split('T') | first }}", 7], "{{ firing.id }}": 1.50}),
            json!({"day": ["2026-03-29", 7], "{{ firing.id }}": 1.50}),
        ),
    ] {
        assert_eq!(rendered(&template), Ok(value), "{template}");
    }
}

#[test]
fn what_cannot_be_rendered_is_refused_when_it_is_saved_with_its_place() {
    let template = json!({
        "a": ["{{ firing.due }}", "{{ input.x }} {{ run.id }}"], "b": "{{ nodes.a.output }}", "c": "{{ today }}", "d": "{{ firing. }}"});
    let syntax = refused(&template);
    assert!(syntax.len() == 1 && syntax[0].starts_with("d: "), "{syntax:?}");
    let mut template = template;
    template["d"] = json!("right");
    assert_eq!(
        refused(&template),
        [
            "a[0]: there is no `firing.due`; `firing` has `due_at`, `id`, `origin`, `schedule` and `schedule_id`",
            "a[1]: there is no `input` here; there is `firing`, and text stands in quotes",
            "a[1]: there is no `run` here; there is `firing`, and text stands in quotes",
            "b: there is no `nodes` here; there is `firing`, and text stands in quotes",
            "c: there is no `today` here; there is `firing`, and text stands in quotes",
        ]
    );
    assert_eq!(refused(&json!("{{ today }}"))[0].split_once(':').unwrap().0, "");
    let mut deep = json!(1);
    for _ in 0..70 {
        deep = json!([deep]);
    }
    assert!(refused(&deep)[0].contains("nested deeper than 64 levels"));
    let deeper = Json::from_text(format!("{}{}", "[".repeat(200), "]".repeat(200)));
    assert!(FiringTemplate::parse(&deeper.unwrap()).is_err());
}

#[test]
fn a_template_of_a_firing_does_little_work_and_gives_little() {
    let work = "{{ range(10000) | join(firing.schedule) }}";
    let error = rendered(&json!(work)).unwrap_err();
    assert!(error.contains("more work"), "{error}");
    let loops = "{% for a in range(10000) %}{% for b in range(10000) %}{{ firing.id }}{% endfor %}{% endfor %}";
    assert!(rendered(&json!(loops)).is_err());
    let wide = "{% for a in range(30) %}{{ firing.id }}{{ firing.schedule_id }}{{ firing.due_at }}{% endfor %}";
    let error = rendered(&json!(vec![wide; 100])).unwrap_err();
    assert!(error.contains("larger than the"), "{error}");
}

#[test]
fn a_template_of_a_firing_has_few_expressions() {
    let few = json!(vec!["{{ firing.due_at }}"; 100]);
    assert!(rendered(&few).is_ok());
    let many = refused(&json!(vec!["{{ firing.due_at }}"; 101]));
    assert!(many[0].contains("101 strings"), "{many:?}");
}

fn problems(definition: &Value, firing: bool) -> Vec<String> {
    let rules = Rules {
        firing,
        ..Rules::default()
    };
    let told = |problem: Problem| {
        format!(
            "{} {}: {}",
            problem.code,
            problem.field.unwrap_or_default(),
            problem.message
        )
    };
    let problems = compile(definition, &rules).err().unwrap_or_default();
    problems.into_iter().map(told).collect()
}

#[test]
fn only_the_pipeline_of_a_schedule_reads_the_firing() {
    let definition = json!({"nodes": [
        {"id": "a", "type": "transform", "config": {"output": "{{ firing.due_at }}"}},
        {"id": "b", "type": "condition", "config": {"expression": "firing.due > ''"}},
        {"id": "c", "type": "transform", "config": {"output": "{{ fireing }} {{ month }}"}}],
      "edges": [{"from": "a", "to": "b", "when": "firing.origin == 'trigger'"}, {"from": "a", "to": "c"}]});
    let unknown = "there is no `firing`; only the action of a schedule has it; there are `input`, `nodes` and `run`";
    assert_eq!(
        problems(&definition, false),
        [
            format!("unknown_name config.output: {unknown}"),
            format!("unknown_name config.expression: {unknown}"),
            "unknown_name config.output: there is no `fireing`; there are `input`, `nodes` and `run`; text stands in quotes"
                .to_owned(),
            "unknown_name config.output: there is no `month`; there are `input`, `nodes` and `run`; text stands in quotes"
                .to_owned(),
            format!("unknown_name edges[0].when: {unknown}"),
        ]
    );
    assert_eq!(
        problems(&definition, true),
        [
            "unknown_name config.expression: there is no `firing.due`; `firing` has `due_at`, `id`, `origin`, `schedule` and `schedule_id`",
            "unknown_name config.output: there is no `fireing`; did you mean `firing`?",
            "unknown_name config.output: there is no `month`; there are `input`, `nodes`, `run` and `firing`; text stands in quotes",
        ]
    );
}

#[test]
fn the_firing_of_a_run_is_that_key_of_its_input() {
    let template = Template::parse(&json!(["{{ firing }}", "due {{ firing.due_at }}"])).unwrap();
    let input = json!({"firing": facts().to_json().to_value()});
    let rendered = template.render(&scope(&input, &json!(null))).unwrap().to_value();
    assert_eq!(rendered, json!([input["firing"], "due 2026-03-29T01:30:00Z"]));
    for input in [json!({}), json!("text"), json!(null), json!([1])] {
        let error = template.render(&scope(&input, &json!(null))).unwrap_err();
        assert!(error.message.contains("firing"), "{input}: {error}");
    }
}
