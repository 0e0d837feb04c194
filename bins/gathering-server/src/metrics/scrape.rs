//! Writes down every metric of the product: name, what it says, value. docs/metrics.md has the same names, which a test compares.

use gathering::{AccountStats, EngineStats, PoolStats, SchedulerStats};
use tokio::runtime::RuntimeMetrics;

use super::Metrics;
use super::requests::Requests;
use super::text::{Labels, Text};
use crate::http::limits::{Limits, Shared};
use crate::telemetry::Losses;

/// Microseconds in a second.
const MICROS: f64 = 1e6;
/// Milliseconds in a second.
const MILLIS: f64 = 1e3;

pub(super) fn write(text: &mut Text, metrics: &Metrics, queued: Option<u64>) {
    let (state, numbers) = (&metrics.state, metrics.state.gathering.stats());
    server(text, metrics);
    requests(text, &state.requests);
    let refused = state
        .limits
        .as_ref()
        .map(|limits| limits.refused().to_vec())
        .unwrap_or_default();
    let refused = refused
        .iter()
        .map(|(tier, count)| ([("tier", *tier)], *count))
        .collect::<Vec<_>>();
    text.counters(
        "gathering_rate_limited_requests_total",
        "Requests refused because too many came, by the limit that they met.",
        refused.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    shared_limits(text, state.limits.as_ref().and_then(Limits::shared));
    pool(text, numbers.pool);
    runs(text, &numbers.engine, queued);
    attempts(text, &numbers.engine);
    commits(text, numbers.engine);
    firings(text, numbers.scheduler);
    accounts(text, numbers.accounts);
    runtime(text, &metrics.runtime.metrics());
    spans(text, metrics.losses.as_ref());
}

fn server(text: &mut Text, metrics: &Metrics) {
    let name = "gathering_build_info";
    text.head(name, "gauge", "Always 1; its label says which version runs.");
    text.sample(name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.gauge(
        "process_start_time_seconds",
        "When the server started, in seconds since 1970.",
        metrics.started,
    );
    text.gauge(
        "gathering_working",
        "1 while this instance works on runs, 0 while it has lost the database.",
        u8::from(metrics.state.gathering.is_working()),
    );
    text.gauge(
        "gathering_draining",
        "1 once the server was told to stop.",
        u8::from(metrics.state.readiness.is_draining()),
    );
}

fn requests(text: &mut Text, requests: &Requests) {
    text.gauge(
        "gathering_http_requests_in_flight",
        "Requests that are being answered.",
        requests.under_way(),
    );
    let seen = requests.read();
    let name = "gathering_http_requests_total";
    text.head(name, "counter", "Requests answered, by method, route and status.");
    for one in &seen {
        for (status, count) in &one.statuses {
            let labels = [("method", one.of.method), ("route", &one.of.route), ("status", status)];
            text.sample(name, &labels, count);
        }
    }
    let name = "gathering_http_request_duration_seconds";
    let labels: Vec<_> = seen
        .iter()
        .map(|one| [("method", one.of.method), ("route", one.of.route.as_str())])
        .collect();
    let spreads = labels
        .iter()
        .map(|labels| &labels[..])
        .zip(seen.iter().map(|one| one.durations.clone()));
    text.histograms(
        name,
        "How long requests took, until the answer was there.",
        MICROS,
        spreads,
    );
}

/// Without a sample where no Redis is wanted.
fn shared_limits(text: &mut Text, shared: Option<&Shared>) {
    let name = "gathering_rate_limits_shared";
    text.head(
        name,
        "gauge",
        "1 while requests are counted with all instances, 0 while the Redis for that is away.",
    );
    if let Some(shared) = shared {
        text.sample(name, &[], u8::from(shared.is_shared()));
    }
    text.counters(
        "gathering_rate_limit_fallbacks_total",
        "Requests that this instance counted for itself because the Redis was away.",
        shared.map(|shared| (&[][..], shared.fallbacks())),
    );
}

fn pool(text: &mut Text, pool: PoolStats) {
    text.gauge(
        "gathering_pool_connections_max",
        "The most connections to the database.",
        pool.max,
    );
    text.gauge(
        "gathering_pool_connections_open",
        "Connections to the database.",
        pool.open,
    );
    text.gauge(
        "gathering_pool_connections_idle",
        "Connections that nobody uses.",
        pool.idle,
    );
    text.gauge(
        "gathering_pool_waiting",
        "Callers that wait for a connection.",
        pool.waiting,
    );
}

fn runs(text: &mut Text, engine: &EngineStats, queued: Option<u64>) {
    text.counter(
        "gathering_runs_started_total",
        "Runs started through this instance.",
        engine.runs_started,
    );
    text.counter(
        "gathering_runs_claimed_total",
        "Runs that this instance took from the database, queued or due again.",
        engine.runs_claimed,
    );
    text.counter(
        "gathering_runs_taken_over_total",
        "Runs taken over from instances that died.",
        engine.runs_taken_over,
    );
    let ended = engine
        .runs_ended
        .map(|(status, count)| ([("status", status.as_str())], count));
    text.counters(
        "gathering_runs_ended_total",
        "Runs that this instance ended, by their final status.",
        labelled(&ended),
    );
    text.gauge(
        "gathering_runs_in_memory",
        "Runs that this instance works on.",
        engine.runs_in_memory,
    );
    text.gauge(
        "gathering_runs_in_memory_max",
        "The most of them.",
        engine.max_runs_in_memory,
    );
    text.gauge(
        "gathering_waiting_starts",
        "Starts that wait for their commit.",
        engine.waiting_starts,
    );
    let name = "gathering_runs_queued";
    text.head(
        name,
        "gauge",
        "Runs queued in the database, for any instance, counted up to 10000.",
    );
    if let Some(queued) = queued {
        text.sample(name, &[], queued);
    }
}

fn attempts(text: &mut Text, engine: &EngineStats) {
    let attempts = engine.attempts;
    let outcomes = [
        ([("outcome", "completed")], attempts.completed),
        ([("outcome", "failed")], attempts.failed),
        ([("outcome", "timed_out")], attempts.timed_out),
        ([("outcome", "held")], attempts.held),
    ];
    text.counters(
        "gathering_attempts_total",
        "Attempts of action nodes that are over, by what they came to; held ones were not made, because a circuit breaker was open.",
        labelled(&outcomes),
    );
    text.gauge(
        "gathering_attempts_under_way",
        "Attempts under way.",
        engine.attempts_under_way,
    );
    text.counter(
        "gathering_retries_total",
        "Failed attempts after which another one was planned.",
        engine.retries,
    );
    text.counter(
        "gathering_nodes_quarantined_total",
        "Nodes put into quarantine because processes died under them.",
        engine.nodes_quarantined,
    );
    text.gauge(
        "gathering_breakers_open",
        "Circuit breakers that hold calls back, of those that this instance uses.",
        engine.breakers_open,
    );
}

fn commits(text: &mut Text, engine: EngineStats) {
    let none: Labels<'_> = &[];
    text.histograms(
        "gathering_commit_appends",
        "How many runs shared a commit of the journal.",
        1.0,
        [(none, engine.commit_batches)],
    );
    text.histograms(
        "gathering_commit_duration_seconds",
        "How long a commit of the journal took, with the round trip.",
        MICROS,
        [(none, engine.commit_micros)],
    );
}

fn firings(text: &mut Text, scheduler: SchedulerStats) {
    let outcomes = [
        ([("outcome", "succeeded")], scheduler.succeeded),
        ([("outcome", "failed")], scheduler.failed),
        ([("outcome", "cancelled")], scheduler.cancelled),
        ([("outcome", "skipped")], scheduler.skipped),
        ([("outcome", "missed")], scheduler.missed),
    ];
    text.counter(
        "gathering_firings_started_total",
        "Firings of schedules that this instance started.",
        scheduler.started,
    );
    text.counters(
        "gathering_firings_total",
        "Due times that this instance saw to their end, by what they came to; missed ones that stand together count once.",
        labelled(&outcomes),
    );
    text.counter(
        "gathering_firings_buffered_total",
        "Due times that had to wait for an earlier firing.",
        scheduler.buffered,
    );
    text.counter(
        "gathering_schedules_paused_total",
        "Schedules that paused themselves after too many failures.",
        scheduler.paused,
    );
    let none: Labels<'_> = &[];
    text.histograms(
        "gathering_firing_lateness_seconds",
        "How long after their time firings started, without those that waited for an earlier one.",
        MILLIS,
        [(none, scheduler.lateness_millis)],
    );
}

fn accounts(text: &mut Text, accounts: AccountStats) {
    let logins = [
        ([("outcome", "done")], accounts.logins),
        ([("outcome", "refused")], accounts.logins_refused),
        ([("outcome", "failed")], accounts.logins_failed),
    ];
    text.counters(
        "gathering_logins_total",
        "Logins, by what came of them; failed ones could not be judged.",
        labelled(&logins),
    );
    text.counter(
        "gathering_audit_rows_total",
        "Rows written to the audit.",
        accounts.audit_rows,
    );
    let hashing = accounts.hashing;
    text.gauge(
        "gathering_hashing_threads",
        "Threads that hash passwords.",
        hashing.threads,
    );
    text.gauge(
        "gathering_hashing_threads_busy",
        "Of them, those at work.",
        hashing.busy,
    );
    text.gauge(
        "gathering_hashing_waiting",
        "Passwords that wait for a thread.",
        hashing.waiting,
    );
    text.counter(
        "gathering_hashing_refused_total",
        "Passwords refused because too many waited.",
        hashing.refused,
    );
}

fn runtime(text: &mut Text, runtime: &RuntimeMetrics) {
    text.gauge(
        "gathering_runtime_workers",
        "Async threads on which runs are driven.",
        runtime.num_workers(),
    );
    text.gauge(
        "gathering_runtime_tasks",
        "Tasks on them that have not ended.",
        runtime.num_alive_tasks(),
    );
    text.gauge(
        "gathering_runtime_queue_depth",
        "Tasks that wait for any of these threads; more than a few for long say that they are busy.",
        runtime.global_queue_depth(),
    );
}

fn spans(text: &mut Text, losses: Option<&Losses>) {
    let losses = losses.map(|losses| {
        [
            ([("reason", "dropped")], losses.dropped.get()),
            ([("reason", "refused")], losses.refused.get()),
        ]
    });
    text.counters(
        "gathering_spans_lost_total",
        "Spans that no collector got: dropped because too many waited, or refused.",
        losses.iter().flat_map(|losses| labelled(losses)),
    );
}

/// A number, and the one label that tells it from others of its metric.
type Labelled<'a> = ([(&'a str, &'a str); 1], u64);

fn labelled<'a>(values: &'a [Labelled<'a>]) -> impl Iterator<Item = (Labels<'a>, u64)> {
    values.iter().map(|(labels, value)| (&labels[..], *value))
}
