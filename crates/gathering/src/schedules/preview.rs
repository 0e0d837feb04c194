//! When rules are due, without a database.

use gathering_domain::Json;
use gathering_domain::schedule::times::zone;
use gathering_scheduler::Rules;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

use super::action::problem;
use crate::FieldProblem;

/// The next due times of rules (`kind`, `cron`, `timezone` …), at most 1,000 of them, on the clocks of their zone; or everything that is wrong with them. An interval counts from
/// `after`, unless it says from when.
///
/// It may take milliseconds of a processor: where others wait for the thread, do it on one of its own.
///
/// ```
/// use gathering::{Json, due_times};
/// use serde_json::json;
///
/// let rules = Json::from(json!({"kind": "cron", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}));
/// let times = due_times(&rules, "2026-03-28T12:00:00Z".parse()?, 2).map_err(|problems| problems[0].message.clone())?;
/// // On the 29th the clocks are put forward from 02:00 to 03:00.
/// assert_eq!(times[0].to_string(), "2026-03-29T03:00:00+02:00[Europe/Berlin]");
/// assert_eq!(times[1].to_string(), "2026-03-30T02:30:00+02:00[Europe/Berlin]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn due_times(rules: &Json, after: Timestamp, count: usize) -> Result<Vec<Zoned>, Vec<FieldProblem>> {
    let all = |problems: Vec<_>| problems.into_iter().map(FieldProblem::from).collect::<Vec<_>>();
    let one = |pointer, code, message: &str| vec![problem(pointer, code, message.to_owned())];
    let Value::Object(object) = rules.to_value() else {
        return Err(one("", "wrong_type", "rules are an object with the field `kind`"));
    };
    let rules = Rules::parse(&object).map_err(all)?;
    let timetable = rules.timetable(after).map_err(all)?;
    rules.check_fires(after, after).map_err(|never| all(vec![never]))?;
    let zone = zone(&rules.timezone).map_err(|unknown| one("/timezone", "unknown_timezone", &unknown.to_string()))?;
    let times = timetable
        .preview(after, count.min(1_000))
        .into_iter()
        .map(|due| due.to_zoned(zone.clone()))
        .collect();
    Ok(times)
}
