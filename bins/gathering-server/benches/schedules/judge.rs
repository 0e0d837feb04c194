//! Compares what should be with what was told. Decides purely; each thing that is wrong is a sentence.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

/// A request that the receiver got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) schedule: String,
    pub(crate) due: Timestamp,
    pub(crate) firing: String,
    pub(crate) key: String,
    /// By the receiver's clock.
    pub(crate) at: Timestamp,
}

/// A firing as it stands in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fired {
    pub(crate) schedule: String,
    pub(crate) due: Timestamp,
    pub(crate) id: String,
    pub(crate) status: String,
    /// Of missed ones: the first, and how many.
    pub(crate) missed: Option<(Timestamp, u64)>,
}

/// The due times of schedules.
pub(crate) type DueTimes = BTreeMap<String, BTreeSet<Timestamp>>;

/// The requests of each due time, in their order.
pub(crate) type ByDueTime<'a> = BTreeMap<(&'a str, Timestamp), Vec<&'a Call>>;

/// From `first`, each `every`, so often.
pub(crate) fn each(first: Timestamp, every: SignedDuration, times: u32) -> BTreeSet<Timestamp> {
    let nth = |number: u32| first + every * i32::try_from(number).unwrap_or(i32::MAX);
    (0..times).map(nth).collect()
}

/// By what they were due.
pub(crate) fn by_due_time(calls: &[Call]) -> ByDueTime<'_> {
    let mut by: ByDueTime<'_> = BTreeMap::new();
    for call in calls {
        by.entry((call.schedule.as_str(), call.due)).or_default().push(call);
    }
    by
}

/// The receiver must have got each of these due times under one key, the one of its firing, and no other due time.
pub(crate) fn received(calls: &ByDueTime<'_>, due: &DueTimes) -> Vec<String> {
    let mut wrong = Vec::new();
    for (schedule, times) in due {
        let missing = times
            .iter()
            .filter(|at| !calls.contains_key(&(schedule.as_str(), **at)));
        wrong.extend(missing.map(|at| format!("lost: schedule {schedule} was due at {at}, and nobody called")));
    }
    for ((schedule, at), requests) in calls {
        if !due.get(*schedule).is_some_and(|times| times.contains(at)) {
            wrong.push(format!(
                "from nowhere: a call of schedule {schedule} for {at}, when it was not due"
            ));
        }
        let keys: BTreeSet<&str> = requests.iter().map(|request| request.key.as_str()).collect();
        let firings: BTreeSet<&str> = requests.iter().map(|request| request.firing.as_str()).collect();
        if keys.len() > 1 || firings.len() > 1 {
            wrong.push(format!(
                "twice: schedule {schedule} called for {at} under the keys {keys:?}"
            ));
        } else if !keys.iter().zip(&firings).all(|(key, firing)| key.starts_with(firing)) {
            wrong.push(format!(
                "schedule {schedule} called for {at} under the key {keys:?} of another firing than {firings:?}"
            ));
        }
    }
    wrong
}

/// The database must say of each of these due times that its firing succeeded, and tell no other firing than these and missed ones; and it must be the
/// firing that the receiver knows.
pub(crate) fn recorded(rows: &[Fired], due: &DueTimes, calls: &ByDueTime<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut there: DueTimes = DueTimes::new();
    for row in rows.iter().filter(|row| row.status != "missed") {
        there.entry(row.schedule.clone()).or_default().insert(row.due);
        if row.status != "succeeded" {
            wrong.push(format!(
                "the firing {} of schedule {} for {} is {}",
                row.id, row.schedule, row.due, row.status
            ));
        }
        let known = calls
            .get(&(row.schedule.as_str(), row.due))
            .and_then(|requests| requests.first());
        if known.is_some_and(|call| call.firing != row.id) {
            wrong.push(format!(
                "the receiver knows another firing of schedule {} for {} than {}",
                row.schedule, row.due, row.id
            ));
        }
    }
    for (schedule, times) in due {
        let none = BTreeSet::new();
        let lost = times
            .difference(there.get(schedule).unwrap_or(&none))
            .collect::<Vec<_>>();
        wrong.extend(
            lost.iter()
                .map(|at| format!("schedule {schedule} has no firing for {at}")),
        );
    }
    for (schedule, times) in &there {
        let none = BTreeSet::new();
        let more = times.difference(due.get(schedule).unwrap_or(&none)).collect::<Vec<_>>();
        wrong.extend(
            more.iter()
                .map(|at| format!("schedule {schedule} has a firing for {at}, when it was not due")),
        );
    }
    wrong
}

/// Takes out of the due times those that rows tell as missed; what a row tells that was not due, or not so many, is wrong.
pub(crate) fn without_missed(rows: &[Fired], due: &mut DueTimes) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows {
        let Some((since, count)) = row.missed else { continue };
        let times = due.entry(row.schedule.clone()).or_default();
        let told: Vec<Timestamp> = times.range(since..=row.due).copied().collect();
        if told.len() as u64 != count || told.first() != Some(&since) || told.last() != Some(&row.due) {
            wrong.push(format!(
                "schedule {} tells {count} due times as missed from {since} to {}, and {} were due there and are not told elsewhere",
                row.schedule,
                row.due,
                told.len()
            ));
        }
        times.retain(|at| *at < since || *at > row.due);
    }
    wrong
}
