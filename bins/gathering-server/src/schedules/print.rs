//! Schedules and firings as lines of text.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use gathering::{Error, FieldProblem, Firing, Schedule, ScheduleCheck, ScheduleWhy};
use jiff::{Timestamp, Zoned};

use crate::columns::{Room, aligned, shown};
use crate::failure::Failure;

/// The most characters of why a firing failed.
const MAX_WHY: usize = 80;

/// Writes to standard output.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|source| Failure::System {
            action: "write to standard output",
            source,
        })
}

/// Why something was refused.
pub(super) fn refused(error: Error) -> Failure {
    if let Error::InvalidRequest { problems: found } = &error {
        return problems(found);
    }
    if let Error::RevisionConflict { current } = error {
        // Who is here sends no headers.
        let way_out = format!("look at it, and try again with --revision {current}");
        return Failure::Refused(format!("the schedule is at revision {current}; {way_out}"));
    }
    Failure::Schedules(error)
}

/// What is wrong, one line for each.
pub(super) fn problems(found: &[FieldProblem]) -> Failure {
    Failure::Refused(lines(found).join("\n           "))
}

fn lines(problems: &[FieldProblem]) -> Vec<String> {
    let line = |problem: &FieldProblem| match problem.pointer.trim_start_matches('/') {
        "" => problem.message.clone(),
        place => format!("{}: {}", place.replace('/', "."), problem.message),
    };
    problems.iter().map(line).collect()
}

/// Due times, on the clocks of their zone and in UTC.
pub(super) fn times(times: &[Zoned]) -> String {
    let rows = times.iter().map(|due| {
        [
            due.strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string(),
            due.timestamp().to_string(),
        ]
    });
    aligned(&rows.collect::<Vec<_>>())
}

/// Schedules as columns, their names and patterns as there is room for them.
pub(super) fn schedules(schedules: &[Schedule], room: Room) -> String {
    let mut rows = vec![["NAME", "DUE", "STATUS", "NEXT", "FIRED", "ID", "PROJECT"].map(str::to_owned)];
    rows.extend(schedules.iter().map(|schedule| {
        [
            room.fit(&schedule.name),
            room.fit(&rule(schedule)),
            schedule.status.to_string(),
            moment(schedule.next_fire_at),
            schedule.fired.to_string(),
            schedule.id.to_string(),
            schedule.project_id.to_string(),
        ]
    }));
    aligned(&rows)
}

/// When a schedule is due, in a few words.
fn rule(schedule: &Schedule) -> String {
    let Some(rules) = &schedule.rules else {
        return "unreadable".to_owned();
    };
    match (&rules.cron, &rules.every, rules.at) {
        (Some(cron), ..) => format!("{cron} {}", rules.timezone),
        (_, Some(every), _) => format!("every {every}"),
        (.., at) => format!("once at {}", moment(at)),
    }
}

/// Firings as columns.
pub(super) fn firings(firings: &[Firing]) -> String {
    let mut rows = vec![["DUE", "STATUS", "ORIGIN", "STARTED", "ENDED", "RUN", "WHY"].map(str::to_owned)];
    rows.extend(firings.iter().map(|firing| {
        [
            firing.due_at.to_string(),
            firing.status.as_str().to_owned(),
            firing.origin.as_str().to_owned(),
            moment(firing.started_at),
            moment(firing.finished_at),
            firing.run_id.map_or_else(|| "-".to_owned(), |run| run.to_string()),
            why_firing(firing),
        ]
    }));
    aligned(&rows)
}

/// Why a firing did not succeed, in a line.
fn why_firing(firing: &Firing) -> String {
    if let Some(missed) = firing.missed {
        let count = missed
            .count
            .map_or_else(|| "very many".to_owned(), |count| count.to_string());
        return format!("{count} since {}", missed.since);
    }
    let error = firing.error.as_ref().map(gathering::Json::to_value);
    let told = error.as_ref().map(|error| {
        let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", part("code"), part("message"))
    });
    let told = told.or_else(|| firing.reason.clone()).unwrap_or_default();
    // One line, and nothing in it that a terminal would take for a command.
    told.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(MAX_WHY)
        .collect()
}

/// What holds a schedule back.
pub(super) fn why(why: &ScheduleWhy) -> String {
    // Who is here has the command line at hand, and perhaps no token.
    let resume = format!("`gathering schedules resume {}`", why.schedule_id);
    let here = |told: &str| shown(told).replace("POST …/resume", &resume);
    let mut text = format!("{}\n", here(&why.summary));
    for blocker in why.blockers.iter().filter(|_| why.blockers.len() > 1) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "- {}", here(&blocker.message));
    }
    text
}

/// Says, beside what a script reads, that what was asked for waits because no server is at work.
pub(super) fn waits(why: Result<ScheduleWhy, Error>) {
    // What was asked for is saved all the same, so that not knowing is no failure.
    let waits = why.is_ok_and(|why| why.blockers.iter().any(|blocker| blocker.code == "no_instance"));
    if waits {
        // Where standard error is closed, nobody wants to know.
        let _ = writeln!(io::stderr(), "no server is at work: it waits, and fires when one is");
    }
}

/// What a check came to.
pub(super) fn check(check: &ScheduleCheck) -> String {
    let mut text = String::new();
    for line in lines(&check.problems) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    }
    let rows = check.next.iter().zip(&check.next_local);
    let rows = rows.map(|(due, local)| [local.clone(), due.to_string()]);
    text + &aligned(&rows.collect::<Vec<_>>())
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"))
}
