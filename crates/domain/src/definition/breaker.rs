//! The circuit breaker of a node: `breaker`.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::fields::{duration, object, only, optional, text, word, wrong_type};
use super::problem::{Place, Problems};
use crate::breaker::{BreakerPolicy, BreakerRules, BreakerScope, Threshold, WhenOpen};
use crate::duration::format_duration;

const FIELDS: [&str; 10] = [
    "scope",
    "name",
    "failures",
    "rate",
    "minimum",
    "window",
    "open",
    "multiplier",
    "max_open",
    "when_open",
];
/// How far back counts reach: what is further away says little about now, and less is not seen by all instances in time.
const WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
/// How long a breaker may hold back its runs: with less they would come back all the time.
const OPEN: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
/// The most failures, or calls, that a threshold may ask for.
const MAX_CALLS: u32 = 100_000;
/// The least share of failures that may open a breaker.
const MIN_RATE: f64 = 0.01;
/// How many calls a rate is judged by when nobody says.
const USUAL_MINIMUM: u32 = 20;

/// Reads it; every field may be left out, and is then taken from `base`.
pub(super) fn read(
    value: &Value,
    place: &Place<'_>,
    base: &BreakerPolicy,
    problems: &mut Problems,
) -> Option<BreakerPolicy> {
    let fields = object(value, place, "", problems)?;
    only(&FIELDS, fields, place, problems);
    let words = [("wait", WhenOpen::Wait), ("fail", WhenOpen::Fail)];
    let when_open = optional(fields, "when_open").and_then(|value| word(value, &words, (place, "when_open"), problems));
    Some(BreakerPolicy {
        scope: scope(fields, place, problems).unwrap_or_else(|| base.scope.clone()),
        rules: rules(fields, place, &base.rules, problems),
        when_open: when_open.unwrap_or(base.when_open),
    })
}

/// Whether a `breaker` asks by itself to count by host.
pub(super) fn asks_for_host(value: &Value) -> bool {
    value.get("scope").is_some_and(|scope| scope == "host") && value.get("name").is_none_or(Value::is_null)
}

fn scope(fields: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> Option<BreakerScope> {
    let words = [("handler", &BreakerScope::Handler), ("host", &BreakerScope::Host)];
    let given = optional(fields, "scope");
    let asked = given.and_then(|value| word(value, &words, (place, "scope"), problems));
    let Some(value) = optional(fields, "name") else {
        return asked.cloned();
    };
    if given.is_some() {
        let message = "a breaker counts by `name` or by `scope`; leave one of them out";
        problems.add(place, "name", "invalid_value", message);
    }
    let name = text(value, place, "name", problems).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if value.is_string() && !((1..=64).contains(&name.len()) && name.chars().all(fits)) {
        let message = "a breaker's name has 1 to 64 letters a to z, digits, `_`, `-` and `.`";
        problems.add(place, "name", "invalid_value", message);
    }
    Some(BreakerScope::Name(name.to_owned()))
}

fn rules(fields: &Map<String, Value>, place: &Place<'_>, base: &BreakerRules, problems: &mut Problems) -> BreakerRules {
    let window = length(fields, &WINDOW, (place, "window"), problems);
    let open = length(fields, &OPEN, (place, "open"), problems);
    let max_open = length(fields, &OPEN, (place, "max_open"), problems);
    let multiplier = number(fields, 1.0..=100.0, (place, "multiplier"), problems);
    // Where only one of the two is given, the other follows it.
    let first = open.unwrap_or_else(|| base.open.min(max_open.unwrap_or(base.max_open)));
    let longest = max_open.unwrap_or_else(|| base.max_open.max(first));
    if longest < first {
        let message = "the longest time that it is open is shorter than the first, `open`";
        problems.add(place, "max_open", "invalid_value", message);
    }
    BreakerRules {
        threshold: threshold(fields, place, &base.threshold, problems),
        window: window.unwrap_or(base.window),
        open: first,
        multiplier: multiplier.unwrap_or(base.multiplier),
        max_open: longest,
    }
}

fn threshold(fields: &Map<String, Value>, place: &Place<'_>, base: &Threshold, problems: &mut Problems) -> Threshold {
    let failures = calls(fields, (place, "failures"), problems);
    let minimum = calls(fields, (place, "minimum"), problems);
    let rate = number(fields, MIN_RATE..=1.0, (place, "rate"), problems);
    let given = |field| optional(fields, field).is_some();
    if given("failures") && given("rate") {
        let message = "a breaker opens by `failures` or by `rate`; leave one of them out";
        problems.add(place, "rate", "invalid_value", message);
    }
    let usual = match *base {
        Threshold::Rate { rate, minimum } if !given("failures") => Some((rate, minimum)),
        Threshold::Rate { .. } | Threshold::Failures(_) => None,
    };
    if given("minimum") && !given("rate") && usual.is_none() {
        let message = "`minimum` goes with `rate`; add that, or leave it out";
        problems.add(place, "minimum", "invalid_value", message);
    }
    let by_rate = rate.or(usual.map(|(rate, _)| rate)).map(|rate| Threshold::Rate {
        rate,
        minimum: minimum.unwrap_or(usual.map_or(USUAL_MINIMUM, |(_, minimum)| minimum)),
    });
    by_rate.or(failures.map(Threshold::Failures)).unwrap_or(*base)
}

/// A duration within `range`.
fn length(
    fields: &Map<String, Value>,
    range: &RangeInclusive<Duration>,
    (place, field): (&Place<'_>, &str),
    problems: &mut Problems,
) -> Option<Duration> {
    let length = duration(optional(fields, field)?, place, field, problems)?;
    let valid = range.contains(&length);
    if !valid {
        let (least, most) = (format_duration(*range.start()), format_duration(*range.end()));
        let message = format!("this must be at least {least}, and at most {most}");
        problems.add(place, field, "invalid_value", message);
    }
    valid.then_some(length)
}

fn calls(fields: &Map<String, Value>, (place, field): (&Place<'_>, &str), problems: &mut Problems) -> Option<u32> {
    let value = optional(fields, field)?;
    let Value::Number(number) = value else {
        wrong_type(place, field, "a number", value, problems);
        return None;
    };
    let calls = number.as_u64().and_then(|number| u32::try_from(number).ok());
    let valid = calls.filter(|calls| (1..=MAX_CALLS).contains(calls));
    if valid.is_none() {
        let message = format!("this must be a whole number from 1 to {MAX_CALLS}");
        problems.add(place, field, "invalid_value", message);
    }
    valid
}

fn number(
    fields: &Map<String, Value>,
    range: RangeInclusive<f64>,
    (place, field): (&Place<'_>, &str),
    problems: &mut Problems,
) -> Option<f64> {
    let value = optional(fields, field)?;
    let Value::Number(number) = value else {
        wrong_type(place, field, "a number", value, problems);
        return None;
    };
    let valid = Number::as_f64(number).filter(|number| range.contains(number));
    if valid.is_none() {
        let message = format!("this must be a number from {} to {}", range.start(), range.end());
        problems.add(place, field, "invalid_value", message);
    }
    valid
}
