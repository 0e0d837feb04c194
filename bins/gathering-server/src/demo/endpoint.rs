//! The HTTP endpoint that the demo's pipeline talks to: it counts, takes its time, and notes who asked.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, Json, Path};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::corpus::{Corpus, Group};
use super::error::Error;

/// The longest report that is taken, in bytes.
const MAX_REPORT: usize = 1024 * 1024;

/// The endpoint; it stops with the value.
#[derive(Debug)]
pub(super) struct Endpoint {
    address: SocketAddr,
    secret: String,
    requests: Requests,
    handle: ServerHandle,
    _serving: JoinSet<io::Result<()>>,
}

/// The `Idempotency-Key` of each request, in the order in which they came.
#[derive(Debug, Clone, Default)]
struct Requests(Arc<Mutex<Vec<String>>>);

struct State {
    corpus: Corpus,
    report: PathBuf,
    requests: Requests,
}

#[derive(Deserialize)]
struct Notification {
    message: String,
}

impl Endpoint {
    /// Serves on a free port of 127.0.0.1, below a path that only those know who are told; reports are written to `report`.
    pub(super) fn start(corpus: Corpus, report: PathBuf, secret: String) -> Result<Self, Error> {
        let refused = |source| Error::System {
            action: "listen on 127.0.0.1",
            source,
        };
        let requests = Requests::default();
        let state = Data::new(State {
            corpus,
            report,
            requests: requests.clone(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let below = format!("/{secret}");
        let app = move || {
            let routes = web::scope(&below)
                .route("/files", web::get().to(files))
                .route("/words/{group}", web::get().to(words))
                .route("/report", web::post().to(report_in));
            App::new()
                .app_data(state.clone())
                .app_data(web::JsonConfig::default().limit(MAX_REPORT))
                .service(routes)
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .listen(listener)
            .map_err(refused)?
            .run();
        let handle = server.handle();
        let mut serving = JoinSet::new();
        serving.spawn(server);
        Ok(Self {
            address,
            secret,
            requests,
            handle,
            _serving: serving,
        })
    }

    /// Where it is, for those who are allowed to reach it.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, for the pipeline.
    pub(super) fn url(&self) -> String {
        format!("http://{}/{}", self.address, self.secret)
    }

    /// The `Idempotency-Key` of each request so far.
    pub(super) fn keys(&self) -> Vec<String> {
        self.requests.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops at once; answers that are being waited for are dropped.
    pub(super) async fn stop(&self) {
        self.handle.stop(false).await;
    }
}

impl Requests {
    /// Notes a request; gives how often its key has come before.
    fn note(&self, request: &HttpRequest) -> usize {
        let header = request
            .headers()
            .get("idempotency-key")
            .and_then(|key| key.to_str().ok());
        let key = header.unwrap_or("(none)").to_owned();
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = keys.iter().filter(|seen| **seen == key).count();
        keys.push(key);
        before
    }
}

async fn files(state: Data<State>, request: HttpRequest) -> HttpResponse {
    state.requests.note(&request);
    sleep(Duration::from_millis(500)).await;
    HttpResponse::Ok().json(state.corpus.listing())
}

async fn words(state: Data<State>, request: HttpRequest, group: Path<String>) -> HttpResponse {
    let Some(group) = Group::named(&group) else {
        return HttpResponse::NotFound().finish();
    };
    let before = state.requests.note(&request);
    sleep(pace(group, before)).await;
    HttpResponse::Ok().json(state.corpus.count(group))
}

async fn report_in(state: Data<State>, request: HttpRequest, notification: Json<Notification>) -> HttpResponse {
    state.requests.note(&request);
    match std::fs::write(&state.report, &notification.message) {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// How long an answer takes: two groups are quick, two so slow at first that the server dies under them.
fn pace(group: Group, before: usize) -> Duration {
    Duration::from_millis(match (group, before) {
        (Group::Others, _) => 500,
        (Group::Settings, _) => 1_000,
        (Group::Code | Group::Documents, 0) => 20_000,
        (Group::Documents, _) => 1_200,
        (Group::Code, _) => 1_800,
    })
}
