//! Metrics: what the server has done and has at hand, for Prometheus, on a listener of their own.
//!
//! The parts of the product count for themselves, with single atomic additions; a scrape reads those numbers and writes them down.

mod process;
mod requests;
mod scrape;
mod text;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::ALLOW;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, guard};
use gathering::{Clock as _, SystemClock};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::text::Text;
use crate::http::State;
use crate::telemetry::Losses;

pub(crate) use self::requests::Requests;

/// Queued runs are counted up to so many: that many say that more is waiting than instances work on.
const MOST_QUEUED: u32 = 10_000;
/// How long a count of them holds. However often and by however many this is scraped, the database is asked no more often.
const QUEUE_HOLDS: Duration = Duration::from_secs(5);
/// How long a scrape waits for that count. Without it everything else is told.
const QUEUE_PATIENCE: Duration = Duration::from_secs(1);

/// What a scrape needs.
#[derive(Debug)]
pub(crate) struct Metrics {
    state: Data<State>,
    /// The runtime on which runs are driven.
    runtime: Handle,
    /// When the process began to serve, in seconds since 1970.
    started: i64,
    queue: Mutex<Option<Count>>,
    /// Where spans are sent to a collector.
    losses: Option<Losses>,
}

/// How many runs were queued, and when.
#[derive(Debug, Clone, Copy)]
struct Count {
    at: Instant,
    /// Unknown where the database did not answer.
    runs: Option<u64>,
}

impl Metrics {
    /// Of the server with this state, whose runs are driven on the runtime that this is called on.
    pub(crate) fn new(state: Data<State>, losses: Option<Losses>) -> Arc<Self> {
        Arc::new(Self {
            state,
            runtime: Handle::current(),
            started: SystemClock.now().as_second(),
            queue: Mutex::default(),
            losses,
        })
    }

    async fn text(&self) -> String {
        let (queued, mut text) = (self.queued().await, Text::default());
        scrape::write(&mut text, self, queued);
        process::write(&mut text);
        text.finish()
    }

    /// How many runs wait in the database.
    async fn queued(&self) -> Option<u64> {
        // Who comes while it is being counted waits for that count.
        let mut known = self.queue.lock().await;
        if let Some(count) = known.filter(|count| count.at.elapsed() < QUEUE_HOLDS) {
            return count.runs;
        }
        let counted = tokio::time::timeout(QUEUE_PATIENCE, self.state.gathering.queued_runs(MOST_QUEUED)).await;
        let runs = counted.ok().and_then(Result::ok);
        *known = Some(Count {
            at: Instant::now(),
            runs,
        });
        runs
    }
}

/// All routes of the listener: one.
pub(crate) fn routes(config: &mut ServiceConfig) {
    let reading = web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    config
        .service(
            web::resource("/metrics")
                .route(reading.to(show))
                .default_service(web::to(refuse)),
        )
        .default_service(web::to(HttpResponse::NotFound));
}

async fn show(metrics: Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(text::CONTENT_TYPE)
        .body(metrics.text().await)
}

async fn refuse() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((ALLOW, "GET, HEAD"))
        .finish()
}
