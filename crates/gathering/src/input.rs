//! Rules for what callers name things; every broken one is told at once.

use std::collections::BTreeMap;

use crate::{Error, FieldProblem};

const MAX_NAME: usize = 200;
const MAX_LABELS: usize = 32;
const MAX_LABEL_NAME: usize = 64;
const MAX_LABEL_VALUE: usize = 256;
const MAX_KEY: usize = 255;
/// The broken rules so far.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    problems: Vec<FieldProblem>,
}

impl Rules {
    /// The name of a thing: 1 to 200 characters.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        if !is_text(name, MAX_NAME) || name.trim().is_empty() {
            self.broken(
                "/name".to_owned(),
                format!("must have 1 to {MAX_NAME} characters, none of them a control character"),
            );
        }
        self
    }

    /// The labels of a run: few, and short.
    pub(crate) fn labels(&mut self, labels: &BTreeMap<String, String>) -> &mut Self {
        if labels.len() > MAX_LABELS {
            self.broken("/labels".to_owned(), format!("must be at most {MAX_LABELS} labels"));
        }
        let wrong = |(name, value): &(&String, &String)| {
            name.is_empty() || !is_text(name, MAX_LABEL_NAME) || !is_text(value, MAX_LABEL_VALUE)
        };
        if let Some((name, _)) = labels.iter().find(wrong) {
            let pointer = format!("/labels/{}", name.replace('~', "~0").replace('/', "~1"));
            self.broken(pointer, format!(
                "a label has a name of 1 to {MAX_LABEL_NAME} and a value of up to {MAX_LABEL_VALUE} characters, no control characters"
            ));
        }
        self
    }

    /// An Idempotency-Key: 1 to 255 visible ASCII characters.
    pub(crate) fn idempotency_key(&mut self, key: Option<&str>) -> &mut Self {
        if key.is_some_and(|key| !is_idempotency_key(key)) {
            self.broken(
                "/idempotency_key".to_owned(),
                format!("must have 1 to {MAX_KEY} visible ASCII characters"),
            );
        }
        self
    }

    /// Refuses the request if a rule was broken.
    pub(crate) fn hold(&mut self) -> Result<(), Error> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Error::InvalidRequest {
            problems: std::mem::take(&mut self.problems),
        })
    }

    fn broken(&mut self, pointer: String, message: String) {
        self.problems.push(FieldProblem {
            pointer,
            code: "invalid_value",
            message,
        });
    }
}

/// Whether the text can be an Idempotency-Key: 1 to 255 visible ASCII characters.
pub fn is_idempotency_key(text: &str) -> bool {
    (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether the text has at most so many characters, and no control character, which logs and SQL would stumble over.
fn is_text(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(rules: &mut Rules) -> Vec<String> {
        match rules.hold() {
            Err(Error::InvalidRequest { problems }) => problems.into_iter().map(|problem| problem.pointer).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_name_is_short_and_visible() {
        for name in ["nightly", "Überweisung №1", &"x".repeat(200)] {
            assert_eq!(broken(Rules::default().name(name)), Vec::<String>::new(), "{name}");
        }
        for name in ["", "  ", "a\nb", "\0", &"x".repeat(201)] {
            assert_eq!(broken(Rules::default().name(name)), ["/name"], "{name:?}");
        }
    }

    #[test]
    fn every_broken_rule_is_told_at_once() {
        let labels = BTreeMap::from([("a/b".to_owned(), "\0".to_owned())]);
        let rules = &mut Rules::default();
        rules.name("").labels(&labels).idempotency_key(Some("two words"));
        assert_eq!(broken(rules), ["/name", "/labels/a~1b", "/idempotency_key"]);
    }
}
