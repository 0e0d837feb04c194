//! Effects that are wrong on purpose.

use gathering_testkit::history::{Effect, Head, NoStart, Origin, Violation};

use super::{at, effect, ended, found, head, known_origin, nodes, run_id, with_epoch};

#[test]
fn an_effect_has_a_start() {
    let (run, elsewhere) = (run_id(), "01900000-0000-7000-8000-00000000000f");
    let cases = [
        (format!("{elsewhere}/a"), NoStart::UnknownRun),
        ("a key of somebody's own".to_owned(), NoStart::UnknownRun),
        (format!("{run}/x"), NoStart::UnknownNode),
        (format!("{run}/a/2"), NoStart::UnknownNode),
        (format!("{run}/t"), NoStart::NotAnAction),
        (format!("{run}/s"), NoStart::Skipped(2)),
    ];
    for (name, why) in cases {
        let key = Some(name.clone());
        let found = found(|_, effects| effects.extend([effect("a", 6), Effect { key, ..effect("a", 40) }]));
        let what = "POST /hook".to_owned();
        assert_eq!(found, [Violation::EffectWithoutStart { what, name, why }]);
    }
}

#[test]
fn a_run_that_nobody_claimed_has_no_effects() {
    let found = found(|run, effects| {
        run.entries = vec![with_epoch(1, ended(1, "cancelled"))];
        *head(run) = Head {
            status: "cancelled".to_owned(),
            epoch: 1,
            started_at: None,
            finished_at: Some(at(10)),
        };
        effects.pop();
    });
    let expected = Violation::EffectWithoutStart {
        what: "POST /hook".to_owned(),
        name: format!("{}/a", run_id()),
        why: NoStart::NeverClaimed,
    };
    assert_eq!(found, [expected]);
}

#[test]
fn an_effect_comes_after_what_it_reads() {
    let found = found(|_, effects| effects.push(effect("b", 9)));
    let expected = Violation::EffectBeforeInput {
        run: run_id(),
        node: "b".to_owned(),
        input: "a".to_owned(),
        seq: 1,
    };
    assert_eq!(found, [expected]);
}

#[test]
fn behind_a_join_of_any_an_effect_may_come_before_the_other_branch() {
    let found = found(|run, effects| {
        let mut nodes = nodes();
        nodes[1].kind = "join".to_owned();
        nodes[1].joins_any = true;
        run.nodes = nodes.into();
        effects.push(effect("b", 9));
    });
    assert_eq!(found, []);
}

#[test]
fn what_completed_has_sent_its_request() {
    for (node, seq) in [("a", 1), ("b", 4)] {
        let key = format!("{}/{node}", run_id());
        let found = found(|_, effects| effects.retain(|effect| effect.key.as_ref() != Some(&key)));
        let (run, node) = (run_id(), node.to_owned());
        assert_eq!(found, [Violation::MissingEffect { run, node, seq }]);
    }
}

#[test]
fn a_request_has_a_key() {
    for whose in [None, Some(format!("{}/a", run_id()))] {
        let keyless = Effect {
            key: None,
            origin: whose.as_deref().and_then(Origin::of_key),
            ..effect("a", 6)
        };
        let found = found(|_, effects| effects.push(keyless));
        let what = "POST /hook".to_owned();
        assert_eq!(found, [Violation::NoKey { what, place: 2, whose }]);
    }
}

#[test]
fn a_node_keeps_its_key_over_its_attempts() {
    let key = format!("{}/a", run_id());
    let then = format!("{key}/2");
    let changed = Effect {
        key: Some(then.clone()),
        ..known_origin(effect("a", 6))
    };
    let found = found(|_, effects| effects.insert(1, changed));
    let expected = Violation::KeyChanged {
        run: run_id(),
        node: "a".to_owned(),
        first: key,
        then,
    };
    assert_eq!(found, [expected]);
}

#[test]
fn a_key_is_that_of_its_node() {
    let key = format!("{}/b", run_id());
    let foreign = Effect {
        key: Some(key.clone()),
        ..known_origin(effect("a", 5))
    };
    let found = found(|_, effects| effects.insert(0, foreign));
    let (run, node) = (run_id(), "a".to_owned());
    let (first, then) = (key.clone(), format!("{run}/a"));
    // The right key of the next attempt is another one than the first.
    let expected = [
        Violation::WrongKey {
            run,
            node: node.clone(),
            key,
        },
        Violation::KeyChanged { run, node, first, then },
    ];
    assert_eq!(found, expected);
}
