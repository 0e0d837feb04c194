//! `gathering schedules next`: when a pattern is due, by its rules alone.

use gathering::{Clock as _, Json, SystemClock, due_times};
use serde_json::json;

use super::command::NextArgs;
use super::print;
use crate::failure::Failure;

/// Prints the next times of a pattern.
pub(crate) fn next(args: &NextArgs) -> Result<(), Failure> {
    let rules = json!({"kind": "cron", "cron": args.pattern, "timezone": args.timezone, "dst": {"gap": args.gap, "fold": args.fold}});
    let after = args.after.unwrap_or_else(|| SystemClock.now());
    let times = due_times(&Json::from_value(&rules), after, usize::from(args.number))
        .map_err(|found| print::problems(&found))?;
    print::say(&if args.json {
        let times = times
            .iter()
            .map(|due| json!({"due_at": due.timestamp(), "local": due.to_string()}));
        format!("{:#}\n", json!(times.collect::<Vec<_>>()))
    } else {
        print::times(&times)
    })
}
