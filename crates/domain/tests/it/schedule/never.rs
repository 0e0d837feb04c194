//! What is said of rules that are never due: which field leaves nothing.

use gathering_domain::schedule::rules::Rules;
use jiff::Timestamp;
use serde_json::{Value, json};

/// When the schedule was made, and asked about.
const NOW: &str = "2026-11-27T12:00:00Z";

/// The field, and what is said of it; `None` where it is due.
fn refusal(rules: &Value) -> Option<(String, String)> {
    let now: Timestamp = NOW.parse().expect("a moment");
    let rules = Rules::parse(rules.as_object().expect("an object")).expect("rules");
    let problem = rules.check_fires(now, now).err()?;
    assert_eq!(problem.code, "never_fires");
    Some((problem.field, problem.message))
}

/// Each is refused for this field, in these words.
fn refused<const N: usize>(table: [(Value, &str, &str); N]) {
    for (rules, field, words) in table {
        let Some((place, message)) = refusal(&rules) else {
            unreachable!("{rules} is due");
        };
        assert_eq!(place, field, "{rules}: {message}");
        let said = message.strip_prefix("it is never due: ").expect("the same beginning");
        assert!(said.contains(words), "{rules}: {message}");
    }
}

/// Rules with these besides.
fn with(mut rules: Value, bounds: &Value) -> Value {
    let bounds = bounds.as_object().expect("an object").clone();
    rules.as_object_mut().expect("an object").extend(bounds);
    rules
}

#[test]
fn a_pattern_of_which_no_time_comes_says_why() {
    let skipped =
        |cron: &str| json!({"kind": "cron", "cron": cron, "timezone": "Europe/Berlin", "dst": {"gap": "skip"}});
    let cron = |cron: &str| json!({"kind": "cron", "cron": cron});
    refused([
        (cron("0 0 30 2 *"), "cron", "no time fits this pattern"),
        (
            cron("0 0 0 1 1 * 2020"),
            "cron",
            "the last time of this pattern has passed",
        ),
        (
            skipped("0 30 2 29 3 * 2026"),
            "cron",
            "the last time of this pattern has passed",
        ),
        (skipped("0 30 2 28 3 * 2027"), "dst.gap", "use `shift`"),
        (
            with(cron("0 0 0 1 1 * 2027"), &json!({"start_at": "2028-01-01T00:00:00Z"})),
            "start_at",
            "its last time is before `start_at`, which is 2028-01-01T00:00:00Z",
        ),
    ]);
}

#[test]
fn a_single_time_that_does_not_come_says_why() {
    let once = |bounds: Value| with(json!({"kind": "once", "at": "2027-01-01T00:00:00Z"}), &bounds);
    refused([
        (
            json!({"kind": "once", "at": NOW}),
            "at",
            "`at` is 2026-11-27T12:00:00Z, and that has passed",
        ),
        (
            once(json!({"start_at": "2027-02-01T00:00:00Z"})),
            "start_at",
            "which is 2027-02-01",
        ),
        (
            once(json!({"end_at": "2027-01-01T00:00:00Z"})),
            "end_at",
            "its first time is 2027-01-01",
        ),
        (
            once(json!({"exclude": ["01-01"]})),
            "exclude",
            "2027-01-01T00:00:00Z is on a day",
        ),
    ]);
}

#[test]
fn what_ends_too_early_or_is_excluded_as_a_whole_says_so() {
    let daily = |bounds: Value| with(json!({"kind": "cron", "cron": "@daily"}), &bounds);
    let interval = |every: &str, bounds: Value| with(json!({"kind": "interval", "every": every}), &bounds);
    let early = json!({"end_at": "2026-11-27T13:00:00Z"});
    let delayed = with(early.clone(), &json!({"mode": "fixed_delay"}));
    let week = json!(["sun", "mon", "tue", "wed", "thu", "fri", "sat"]);
    let until_excluded = json!({"exclude": ["2026-11-28/2026-11-30"], "end_at": "2026-12-01T00:00:00Z"});
    let saturdays = json!({"start_at": "2026-12-05T00:00:00Z", "exclude": ["sat"]});
    let begun_excluded = "all its times from 2026-11-28T00:00:00Z until `end_at`";
    refused([
        (
            daily(json!({"end_at": "2026-11-01T00:00:00Z"})),
            "end_at",
            "that has passed",
        ),
        (
            daily(json!({"end_at": "2026-11-27T18:00:00Z"})),
            "end_at",
            "its first time is 2026-11-28T00:00:00Z",
        ),
        (daily(json!({"exclude": week})), "exclude", "all its times are on days"),
        (daily(until_excluded), "exclude", begun_excluded),
        (interval("2h", early), "end_at", "its first time is 2026-11-27T14"),
        (interval("2h", delayed), "end_at", "its first time is 2026-11-27T14"),
        (interval("7d", saturdays), "exclude", "all its times are on days"),
    ]);
}

#[test]
fn what_is_due_once_more_is_not_refused() {
    for rules in [
        json!({"kind": "once", "at": "2026-11-27T12:00:01Z"}),
        json!({"kind": "cron", "cron": "0 0 29 2 *"}),
        json!({"kind": "cron", "cron": "@daily", "end_at": "2026-11-28T00:00:01Z"}),
        json!({"kind": "cron", "cron": "@daily", "exclude": ["2026-11-28/2026-11-30"]}),
        json!({"kind": "interval", "every": "2h", "mode": "fixed_delay", "end_at": "2026-11-27T14:00:01Z"}),
    ] {
        assert_eq!(refusal(&rules), None, "{rules}");
    }
}
