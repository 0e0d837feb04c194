//! What was asked of the HTTP API: counted by method, route and status.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, StatusCode};
use gathering::measure::{Histogram, Spread};
use tokio::time::Instant;

/// How long a request takes, in microseconds.
const DURATIONS: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];
/// Stands for every path that no route has: a client could make up any number of them.
const NO_ROUTE: &str = "none";
/// Stands for the status of a request whose client did not wait for one.
const NO_STATUS: &str = "none";
/// Methods have a label of their own; whatever else a client makes up has one together.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];
const OTHER_METHOD: &str = "other";

/// All requests so far, and those that are under way.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    under_way: AtomicUsize,
    /// As many as there are routes, times methods: none is named by a client.
    series: RwLock<BTreeMap<Route, Arc<Series>>>,
}

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub(super) route: String,
    pub(super) method: &'static str,
}

#[derive(Debug)]
struct Series {
    durations: Histogram,
    /// By status, from 100 to 599.
    statuses: [AtomicU64; 500],
    unanswered: AtomicU64,
}

/// A request under way; dropped without an end, it counts as one without an answer.
#[derive(Debug)]
pub(crate) struct Measured {
    requests: Arc<Requests>,
    series: Arc<Series>,
    begun: Instant,
    status: Option<u16>,
}

/// What is known of one route and method.
pub(super) struct Seen {
    pub(super) of: Route,
    pub(super) durations: Spread,
    /// How often each status was answered.
    pub(super) statuses: Vec<(String, u64)>,
}

impl Requests {
    /// Counts a request as one under way.
    pub(crate) fn begin(self: &Arc<Self>, request: &ServiceRequest) -> Measured {
        let known = METHODS.iter().find(|method| *method == request.method());
        let of = Route {
            route: request.match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned()),
            method: known.map_or(OTHER_METHOD, method_name),
        };
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Measured {
            series: self.series(of),
            requests: self.clone(),
            begun: Instant::now(),
            status: None,
        }
    }

    fn series(&self, of: Route) -> Arc<Series> {
        let known = self
            .series
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&of)
            .cloned();
        known.unwrap_or_else(|| {
            let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
            series.entry(of).or_default().clone()
        })
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Everything that was counted, by route and method.
    pub(super) fn read(&self) -> Vec<Seen> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let seen = series.iter().map(|(of, series)| Seen {
            of: of.clone(),
            durations: series.durations.read(),
            statuses: series.statuses(),
        });
        seen.collect()
    }
}

fn method_name(method: &'static Method) -> &'static str {
    method.as_str()
}

impl Default for Series {
    fn default() -> Self {
        Self {
            durations: Histogram::new(DURATIONS),
            statuses: std::array::from_fn(|_| AtomicU64::new(0)),
            unanswered: AtomicU64::new(0),
        }
    }
}

impl Series {
    fn statuses(&self) -> Vec<(String, u64)> {
        let statuses = self
            .statuses
            .iter()
            .zip(100..)
            .map(|(count, status)| (status.to_string(), count));
        let unanswered = std::iter::once((NO_STATUS.to_owned(), &self.unanswered));
        let counts = statuses.chain(unanswered);
        let counts = counts.map(|(status, count)| (status, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

impl Measured {
    /// The request was answered so.
    pub(crate) fn end(mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let place = self.status.and_then(|status| usize::from(status).checked_sub(100));
        let count = place.and_then(|place| self.series.statuses.get(place));
        count.unwrap_or(&self.series.unanswered).fetch_add(1, Ordering::Relaxed);
        let took = self.begun.elapsed().as_micros();
        self.series.durations.see(u64::try_from(took).unwrap_or(u64::MAX));
        self.requests.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
