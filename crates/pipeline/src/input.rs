//! What callers name things, checked before the database sees it: what it refused would cost the caller's transaction.

use std::collections::BTreeMap;

use gathering_domain::RunStatus;
use gathering_persistence::runs::RunFilter;
use serde::Serialize;

use crate::{Error, StartRun};

/// The most labels of a run.
pub const MAX_LABELS: usize = 32;
const MAX_LABEL_NAME: usize = 64;
const MAX_LABEL_VALUE: usize = 256;
const MAX_KEY: usize = 255;
const MAX_REASON: usize = 1_000;
/// The most runs that one call cancels.
const MAX_CANCELS: u32 = 5_000;

/// A name, label or key that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputProblem {
    /// Which, as a JSON pointer into what was asked for: `/name`, `/labels/team`, `/idempotency_key`.
    pub pointer: String,
    /// What would be right.
    pub message: String,
}

/// The name of a pipeline.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let broken = gathering_domain::name::check_name(name).err();
    refuse(
        broken
            .into_iter()
            .map(|broken| problem("/name", broken.to_string()))
            .collect(),
    )
}

/// Why a run is cancelled: up to 1,000 characters.
pub(crate) fn check_reason(reason: &str) -> Result<(), Error> {
    let right = reason.chars().count() <= MAX_REASON;
    let message = format!("must have at most {MAX_REASON} characters");
    refuse(if right {
        Vec::new()
    } else {
        vec![problem("/reason", message)]
    })
}

/// The labels and the key of a start; every broken rule is told at once.
pub(crate) fn check_start(start: &StartRun) -> Result<(), Error> {
    let mut problems = check_labels(&start.labels);
    if start
        .idempotency_key
        .as_deref()
        .is_some_and(|key| !is_idempotency_key(key))
    {
        let message = format!("must have 1 to {MAX_KEY} visible ASCII characters");
        problems.push(problem("/idempotency_key", message));
    }
    refuse(problems)
}

/// A key under which something is made once.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    let message = format!("must have 1 to {MAX_KEY} visible ASCII characters");
    refuse(if is_idempotency_key(key) {
        Vec::new()
    } else {
        vec![problem("/idempotency_key", message)]
    })
}

/// A filter of runs: labels as those of a start, and times that some run may be between.
pub(crate) fn check_filter(filter: &RunFilter) -> Result<(), Error> {
    refuse(of_filter(filter))
}

/// A filter of runs to cancel, and how many at once; every broken rule is told at once.
pub(crate) fn check_cancel(filter: &RunFilter, limit: u32) -> Result<(), Error> {
    let mut problems = of_filter(filter);
    if filter.status.is_some_and(RunStatus::is_terminal) {
        let message = "must be queued, running or waiting: what has ended cannot be cancelled";
        problems.push(problem("/status", message.to_owned()));
    }
    if !(1..=MAX_CANCELS).contains(&limit) {
        problems.push(problem("/limit", format!("must be a number from 1 to {MAX_CANCELS}")));
    }
    refuse(problems)
}

fn of_filter(filter: &RunFilter) -> Vec<InputProblem> {
    let mut problems = check_labels(&filter.labels);
    let window = filter.created_after.zip(filter.created_before);
    if window.is_some_and(|(after, before)| after >= before) {
        let message = "must be later than created_after";
        problems.push(problem("/created_before", message.to_owned()));
    }
    problems
}

/// Whether a text can be an idempotency key: 1 to 255 visible ASCII characters.
pub fn is_idempotency_key(text: &str) -> bool {
    (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong with the labels of a run: few, and short. Of many wrong ones, as many are told as there may be labels.
pub fn check_labels(labels: &BTreeMap<String, String>) -> Vec<InputProblem> {
    let too_many = (labels.len() > MAX_LABELS).then(|| {
        let message = format!("must be at most {MAX_LABELS} labels, and are {}", labels.len());
        problem("/labels", message)
    });
    let wrong = labels
        .iter()
        .filter(|(name, value)| name.is_empty() || !is_text(name, MAX_LABEL_NAME) || !is_text(value, MAX_LABEL_VALUE));
    let wrong = wrong.take(MAX_LABELS).map(|(name, _)| {
        let shown: String = name.chars().take(MAX_LABEL_NAME).collect();
        let pointer = format!("/labels/{}", shown.replace('~', "~0").replace('/', "~1"));
        problem(&pointer, format!(
            "a label has a name of 1 to {MAX_LABEL_NAME} and a value of up to {MAX_LABEL_VALUE} characters, no control characters"
        ))
    });
    too_many.into_iter().chain(wrong).collect()
}

/// Whether a text has at most so many characters, and no control character, which logs and SQL would stumble over.
fn is_text(text: &str, most: usize) -> bool {
    text.chars().take(most + 1).count() <= most && !text.chars().any(char::is_control)
}

fn problem(pointer: &str, message: String) -> InputProblem {
    InputProblem {
        pointer: pointer.to_owned(),
        message,
    }
}

fn refuse(problems: Vec<InputProblem>) -> Result<(), Error> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::InvalidInput { problems })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gathering_domain::PipelineId;

    fn broken(checked: Result<(), Error>) -> Vec<String> {
        match checked {
            Err(Error::InvalidInput { problems }) => problems.into_iter().map(|problem| problem.pointer).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_name_is_short_and_visible() {
        for name in ["nightly", "Überweisung №1", &"x".repeat(200)] {
            assert_eq!(broken(check_name(name)), Vec::<String>::new(), "{name}");
        }
        for name in ["", "  ", "a\nb", "\0", "a\u{202e}b", &"x".repeat(201)] {
            assert_eq!(broken(check_name(name)), ["/name"], "{name:?}");
        }
    }

    #[test]
    fn every_broken_rule_of_a_start_is_told_at_once() {
        let mut start = StartRun::new(PipelineId::from(uuid::Uuid::nil()));
        start.labels = BTreeMap::from([("a/b".to_owned(), "\0".to_owned()), (String::new(), "x".to_owned())]);
        start.idempotency_key = Some("two words".to_owned());
        assert_eq!(
            broken(check_start(&start)),
            ["/labels/", "/labels/a~1b", "/idempotency_key"]
        );
        start.labels = (0..10_000)
            .map(|number| (number.to_string(), "\0".to_owned()))
            .collect();
        assert_eq!(broken(check_start(&start)).len(), 1 + 32 + 1);
    }
}
