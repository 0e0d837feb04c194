//! Circuit breakers: when calls of a target that keeps breaking are held back, and when they are let through again.

mod counts;
mod status;

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

pub use counts::Counts;
pub use status::{BreakerStatus, UnknownBreakerStatus};

use crate::InstanceId;
use crate::pipeline::HandlerName;
use crate::settle::AttemptResult;

/// The most characters of a key: longer than any host name. What is behind them makes no difference.
const MAX_KEY: usize = 400;
/// The least that those are spread that come back together.
const LEAST_SPREAD: Duration = Duration::from_millis(500);

/// What a node says about its breaker.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BreakerPolicy {
    /// What is counted together.
    pub scope: BreakerScope,
    /// When it opens, and for how long.
    pub rules: BreakerRules,
    /// What becomes of the node meanwhile.
    pub when_open: WhenOpen,
}

/// Whose failures are counted together, within one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BreakerScope {
    /// Those of all calls of the node's handler.
    #[default]
    Handler,
    /// Those of all calls to the same host and port; of the handler, where its calls go to no host.
    Host,
    /// Those of all nodes that give this name.
    Name(String),
}

/// When a breaker opens, and for how long. Nodes that share a breaker may differ: each counts with its own rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerRules {
    /// What is too much.
    pub threshold: Threshold,
    /// How far back is counted; from a second to an hour.
    pub window: Duration,
    /// How long it is open for the first time; at least a second.
    pub open: Duration,
    /// What that is multiplied with each time that a probe fails; at least 1.
    pub multiplier: f64,
    /// The longest that it is open.
    pub max_open: Duration,
}

/// How many failures within the window open a breaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// So many, whatever else succeeded.
    Failures(u32),
    /// A share of all calls, once there were enough to tell.
    Rate {
        /// Above zero, at most 1.
        rate: f64,
        /// The fewest calls that are judged.
        minimum: u32,
    },
}

/// What becomes of a node whose breaker is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenOpen {
    /// It waits, without using up an attempt.
    #[default]
    Wait,
    /// It fails with `breaker_open`.
    Fail,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self {
            threshold: Threshold::Failures(5),
            window: Duration::from_mins(1),
            open: Duration::from_secs(30),
            multiplier: 2.0,
            max_open: Duration::from_mins(10),
        }
    }
}

impl BreakerRules {
    /// How long it is open for the `times`th time in a row (from 1): min(longest, first × multiplier^(times − 1)).
    pub fn open_for(&self, times: u32) -> Duration {
        let exponent = i32::try_from(times.saturating_sub(1)).unwrap_or(i32::MAX);
        // Finite, so that an `open` of zero stays zero.
        let growth = self.multiplier.powi(exponent).min(f64::MAX);
        let seconds = self.open.as_secs_f64() * growth;
        Duration::try_from_secs_f64(seconds).map_or(self.max_open, |open| open.min(self.max_open))
    }

    /// How far those are spread that come back when it may be over: half of the time that they have been held back, at most as long as it
    /// was open the `times`th time in a row, and never less than half a second.
    pub fn spread(&self, held_for: Duration, times: u32) -> Duration {
        (held_for / 2).min(self.open_for(times)).max(LEAST_SPREAD)
    }

    /// Whether successes have to be counted as well.
    pub fn counts_successes(&self) -> bool {
        matches!(self.threshold, Threshold::Rate { .. })
    }

    fn is_reached(&self, counts: &Counts, at: Timestamp) -> bool {
        let (failures, successes) = counts.within(self.window, at);
        match self.threshold {
            Threshold::Failures(most) => failures >= u64::from(most),
            Threshold::Rate { rate, minimum } => {
                let calls = failures + successes;
                calls >= u64::from(minimum) && share(failures, calls) >= rate
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one window are far below 2^53")]
fn share(failures: u64, calls: u64) -> f64 {
    failures as f64 / calls as f64
}

impl BreakerScope {
    /// The key of the breaker of a call, within its project: `handler:call_api` or, for a node type of the embedder's own, `type:score`;
    /// `host:example.org:443`; `name:payments`.
    pub fn key(&self, handler: &HandlerName, host: Option<&str>) -> String {
        let key = match (self, host, handler) {
            (Self::Name(name), _, _) => format!("name:{name}"),
            (Self::Host, Some(host), _) => format!("host:{host}"),
            (Self::Handler | Self::Host, _, HandlerName::Action(action)) => format!("handler:{action}"),
            (Self::Handler | Self::Host, _, HandlerName::Kind(kind)) => format!("type:{kind}"),
        };
        key.chars().take(MAX_KEY).collect()
    }
}

/// The right to try whether a target works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Which.
    pub id: Uuid,
    /// The instance that has it: when that dies, the right is free.
    pub by: InstanceId,
    /// When it lapses, unless whoever has it asks for more.
    pub until: Timestamp,
}

/// The state of a breaker, with its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through and are counted.
    Closed {
        /// What was counted.
        counts: Counts,
    },
    /// Calls are held back.
    Open {
        /// From when on a probe may be asked for.
        until: Timestamp,
        /// How often in a row it opened.
        times: u32,
    },
    /// One call goes through, to see.
    HalfOpen {
        /// Which.
        probe: Probe,
        /// How often in a row it opened.
        times: u32,
    },
}

/// What can happen to a breaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BreakerEvent {
    /// Calls ended that were let through while it was closed.
    Counted {
        /// Those that broke.
        failures: u32,
        /// Those that did not.
        successes: u32,
        /// The rules of their node.
        rules: BreakerRules,
    },
    /// Somebody asks for the right to probe, or who has it for more time.
    ProbeAsked {
        /// The right, as it would be.
        probe: Probe,
    },
    /// The probe found that the target works.
    ProbeSucceeded {
        /// Which.
        id: Uuid,
    },
    /// The probe found that it does not.
    ProbeFailed {
        /// Which.
        id: Uuid,
        /// The rules of its node.
        rules: BreakerRules,
    },
    /// The probe was given up before it found anything.
    ProbeFreed {
        /// Which.
        id: Uuid,
    },
    /// Who had the right to probe has died, or let it lapse.
    ProbeLost {
        /// Which.
        id: Uuid,
    },
    /// Somebody closed it by hand.
    Reset,
}

impl Default for BreakerState {
    fn default() -> Self {
        Self::Closed {
            counts: Counts::default(),
        }
    }
}

impl BreakerState {
    /// Which of the three it is.
    pub fn status(&self) -> BreakerStatus {
        match self {
            Self::Closed { .. } => BreakerStatus::Closed,
            Self::Open { .. } => BreakerStatus::Open,
            Self::HalfOpen { .. } => BreakerStatus::HalfOpen,
        }
    }

    /// The probe whose right lapsed before `at`, if that is so.
    pub fn lapsed(&self, at: Timestamp) -> Option<Uuid> {
        match self {
            Self::HalfOpen { probe, .. } if probe.until <= at => Some(probe.id),
            Self::HalfOpen { .. } | Self::Open { .. } | Self::Closed { .. } => None,
        }
    }

    /// The state after `event` at `at`. Every state takes every event; what comes too late changes nothing.
    #[must_use]
    pub fn after(&self, event: &BreakerEvent, at: Timestamp) -> Self {
        match (self, event) {
            (
                Self::Closed { counts },
                BreakerEvent::Counted {
                    failures,
                    successes,
                    rules,
                },
            ) => counted(counts.clone(), (*failures, *successes), rules, at),
            (Self::Open { until, times }, BreakerEvent::ProbeAsked { probe }) if *until <= at => Self::HalfOpen {
                probe: *probe,
                times: *times,
            },
            (Self::HalfOpen { probe: present, times }, BreakerEvent::ProbeAsked { probe })
                if present.id == probe.id =>
            {
                Self::HalfOpen {
                    probe: *probe,
                    times: *times,
                }
            }
            (Self::HalfOpen { probe, .. }, BreakerEvent::ProbeSucceeded { id }) if probe.id == *id => Self::default(),
            (Self::HalfOpen { probe, times }, BreakerEvent::ProbeFailed { id, rules }) if probe.id == *id => {
                opened(times.saturating_add(1), rules, at)
            }
            (Self::HalfOpen { probe, times }, BreakerEvent::ProbeFreed { id } | BreakerEvent::ProbeLost { id })
                if probe.id == *id =>
            {
                Self::Open {
                    until: at,
                    times: *times,
                }
            }
            (_, BreakerEvent::Reset) => Self::default(),
            (
                Self::Closed { .. } | Self::Open { .. } | Self::HalfOpen { .. },
                BreakerEvent::Counted { .. }
                | BreakerEvent::ProbeAsked { .. }
                | BreakerEvent::ProbeSucceeded { .. }
                | BreakerEvent::ProbeFailed { .. }
                | BreakerEvent::ProbeFreed { .. }
                | BreakerEvent::ProbeLost { .. },
            ) => self.clone(),
        }
    }
}

impl BreakerEvent {
    /// Why a breaker changed with it, in `snake_case`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Counted { .. } => "threshold_reached",
            Self::ProbeAsked { .. } => "probe_started",
            Self::ProbeSucceeded { .. } => "probe_succeeded",
            Self::ProbeFailed { .. } => "probe_failed",
            Self::ProbeFreed { .. } => "probe_freed",
            Self::ProbeLost { .. } => "probe_lost",
            Self::Reset => "reset",
        }
    }
}

fn counted(mut counts: Counts, (failures, successes): (u32, u32), rules: &BreakerRules, at: Timestamp) -> BreakerState {
    counts.add(failures, successes, rules.window, at);
    if failures > 0 && rules.is_reached(&counts, at) {
        opened(1, rules, at)
    } else {
        BreakerState::Closed { counts }
    }
}

fn opened(times: u32, rules: &BreakerRules, at: Timestamp) -> BreakerState {
    let until = at.checked_add(rules.open_for(times)).unwrap_or(Timestamp::MAX);
    BreakerState::Open { until, times }
}

/// What an attempt tells about its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answers, be it with an error that no other try can mend.
    Works,
    /// It broke: a transient error, or no answer in time.
    Broke,
    /// Nothing: the attempt did not come as far as the target.
    Unknown,
}

/// Errors of the engine itself, which say nothing about the target.
const NOT_OF_THE_TARGET: [&str; 3] = ["unknown_action", "handler_panicked", "invalid_config"];

impl Verdict {
    /// What this one tells.
    pub fn of(result: &AttemptResult) -> Self {
        match result {
            AttemptResult::TimedOut { .. } | AttemptResult::Failed { transient: true, .. } => Self::Broke,
            AttemptResult::Failed { error, .. } if NOT_OF_THE_TARGET.contains(&error.code.as_str()) => Self::Unknown,
            AttemptResult::Output(_) | AttemptResult::Failed { .. } => Self::Works,
            AttemptResult::Held { .. }
            | AttemptResult::Refused { .. }
            | AttemptResult::Interrupted
            | AttemptResult::Lost { .. }
            | AttemptResult::PresumedLost => Self::Unknown,
        }
    }
}
