//! Which failures are worth another attempt.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::node_event::Failure;

/// The code of an attempt that took longer than its node's timeout.
pub(crate) const TIMEOUT: &str = "timeout";

/// A range of HTTP statuses, both ends included.
pub type Statuses = RangeInclusive<u16>;

/// Which failures are tried again: those of a class, and those that are named. By default transient ones and timeouts.
///
/// Clones share the lists, because one may stand for all nodes of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOn {
    /// What its handler calls transient.
    pub transient: bool,
    /// What its handler does not call transient.
    pub permanent: bool,
    /// Attempts that took longer than their node's timeout, and whatever else has the code `timeout`.
    pub timeout: bool,
    /// Failures with one of these numbers as `status` in their details, as those of HTTP calls have.
    pub statuses: Arc<[Statuses]>,
    /// Failures with one of these codes.
    pub codes: Arc<[String]>,
}

impl Default for RetryOn {
    fn default() -> Self {
        Self {
            transient: true,
            timeout: true,
            ..Self::nothing()
        }
    }
}

impl RetryOn {
    /// No failure at all.
    pub fn nothing() -> Self {
        Self {
            transient: false,
            permanent: false,
            timeout: false,
            statuses: Arc::default(),
            codes: Arc::default(),
        }
    }

    /// Whether a failure is one of them, given whether its handler calls it transient.
    pub fn includes(&self, failure: &Failure, transient: bool) -> bool {
        let by_class = if transient { self.transient } else { self.permanent };
        by_class
            || (self.timeout && failure.code == TIMEOUT)
            || self.codes.contains(&failure.code)
            || self.includes_status(failure)
    }

    /// Whether attempts that took longer than their node's timeout are among them.
    pub fn includes_timeouts(&self) -> bool {
        self.timeout || self.codes.iter().any(|code| code == TIMEOUT)
    }

    fn includes_status(&self, failure: &Failure) -> bool {
        if self.statuses.is_empty() {
            return false;
        }
        status(failure).is_some_and(|status| self.statuses.iter().any(|range| range.contains(&status)))
    }
}

/// The HTTP status that a failure tells in its details.
fn status(failure: &Failure) -> Option<u16> {
    #[derive(serde::Deserialize)]
    struct Details {
        status: u16,
    }
    let details: Details = failure.details.as_ref()?.parse().ok()?;
    Some(details.status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failure(code: &str, details: serde_json::Value) -> Failure {
        Failure {
            details: Some(details.into()),
            ..Failure::new(code, "told")
        }
    }

    #[test]
    fn by_default_what_is_transient_and_what_took_too_long_is_tried_again() {
        let on = RetryOn::default();
        assert!(on.includes(&Failure::new("away", ""), true));
        assert!(on.includes(&Failure::new("timeout", ""), false) && on.includes_timeouts());
        assert!(!on.includes(&Failure::new("refused", ""), false));
    }

    #[test]
    fn what_is_named_is_tried_again_and_nothing_else() {
        let on = RetryOn {
            statuses: Arc::from([404..=404, 500..=502]),
            codes: Arc::from(["rate_limited".to_owned()]),
            ..RetryOn::nothing()
        };
        for status in [404, 500, 501, 502] {
            assert!(
                on.includes(&failure("http_status", json!({"status": status})), false),
                "{status}"
            );
        }
        for status in [400, 403, 405, 499, 503] {
            assert!(
                !on.includes(&failure("http_status", json!({"status": status})), true),
                "{status}"
            );
        }
        assert!(on.includes(&Failure::new("rate_limited", ""), false));
        assert!(!on.includes(&Failure::new("connect_failed", ""), true) && !on.includes_timeouts());
        for odd in [json!({}), json!({"status": "404"}), json!({"status": -1}), json!(404)] {
            assert!(!on.includes(&failure("odd", odd), false));
        }
    }
}
