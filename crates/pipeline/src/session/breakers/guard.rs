//! An attempt behind a breaker: asked for before, told after.

use std::sync::Arc;
use std::time::Duration;

use gathering_domain::breaker::{BreakerPolicy, Verdict, WhenOpen};
use gathering_domain::duration::format_duration;
use gathering_domain::node_event::{Failure, HeldBy};
use gathering_domain::planner::AttemptResult;
use gathering_domain::{Clock as _, Json};
use gathering_persistence::breakers::BreakerKey;
use jiff::Timestamp;
use serde_json::json;

use super::{Ask, Entry, Holding};
use crate::session::Session;
use crate::session::run_clock::RunClock;

/// What stands between an attempt and its handler.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) session: Arc<Session>,
    pub(crate) clock: RunClock,
    pub(crate) key: BreakerKey,
    pub(crate) policy: Arc<BreakerPolicy>,
    /// For how long its node has been held back.
    pub(crate) held_for: Duration,
}

impl Guard {
    /// Makes the attempt if the breaker lets it through; tells the breaker what it came to before anybody else learns of it.
    pub(crate) async fn run(self, attempt: impl Future<Output = AttemptResult>) -> AttemptResult {
        let breakers = &self.session.breakers;
        match breakers.enter(&self.key).await {
            Entry::Held(holding) => self.held(holding),
            Entry::Closed { version } => {
                let result = attempt.await;
                self.count(Verdict::of(&result), version).await;
                result
            }
            Entry::Probe(right) => {
                let result = attempt.await;
                let (key, rules, verdict) = (self.key.clone(), self.policy.rules, Verdict::of(&result));
                let probed = |done| Ask::Probed {
                    key,
                    rules,
                    probe: right.id,
                    verdict,
                    done,
                };
                breakers.tell(probed).await;
                result
            }
        }
    }

    async fn count(&self, verdict: Verdict, version: i64) {
        let (breakers, rules) = (&self.session.breakers, self.policy.rules);
        match verdict {
            Verdict::Broke => {
                let key = self.key.clone();
                let count = |done| Ask::Count {
                    key,
                    rules,
                    version,
                    done,
                };
                breakers.tell(count).await;
            }
            Verdict::Works if rules.counts_successes() => breakers.count_success(&self.key, &rules),
            Verdict::Works | Verdict::Unknown => {}
        }
    }

    /// What becomes of the attempt where it is known without asking that its node has to wait.
    pub(crate) fn waits(&self) -> Option<AttemptResult> {
        match self.session.breakers.known(&self.key)? {
            Entry::Held(holding) if self.policy.when_open == WhenOpen::Wait => Some(self.held(holding)),
            Entry::Held(_) | Entry::Closed { .. } | Entry::Probe(_) => None,
        }
    }

    fn held(&self, Holding { id, wait, times }: Holding) -> AttemptResult {
        let key = self.key.key.clone();
        match self.policy.when_open {
            WhenOpen::Wait => {
                let now = self.clock.now();
                AttemptResult::Held {
                    until: now.checked_add(wait).unwrap_or(Timestamp::MAX),
                    spread: self.policy.rules.spread(self.held_for, times),
                    by: HeldBy { id, key },
                }
            }
            WhenOpen::Fail => {
                // Whole seconds, at least one: nobody can rely on less.
                let wait = format_duration(Duration::from_secs(wait.as_secs().max(1)));
                let message = format!("the circuit breaker {key} is open for another {wait}; its target keeps failing");
                let mut error = Failure::new("breaker_open", message);
                error.details = Some(Json::from_value(&json!({ "breaker": { "id": id, "key": key } })));
                AttemptResult::Refused { error }
            }
        }
    }
}
