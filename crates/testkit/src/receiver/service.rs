//! The HTTP server of a receiver.

use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use gathering_domain::Clock as _;
use gathering_persistence::SystemClock;

use super::State;
use super::log::{Outcome, Received};

/// Largest body that is taken.
const MOST_BODY: usize = 16 << 20;

/// Serves until it is told to stop through the handle that `tell` gets.
pub(super) fn serve(listener: TcpListener, state: &Arc<State>, tell: &mpsc::Sender<ServerHandle>) {
    let state = Data::from(Arc::clone(state));
    let app = move || {
        let limits = PayloadConfig::new(MOST_BODY);
        App::new()
            .app_data(state.clone())
            .app_data(limits)
            .default_service(actix_web::web::to(receive))
    };
    // A client that hangs up ends the handler, which is how it is noticed.
    let server = HttpServer::new(app)
        .workers(1)
        .h1_allow_half_closed(false)
        .disable_signals();
    let server = server
        .keep_alive(Duration::from_secs(75))
        .shutdown_timeout(0)
        .listen(listener);
    let server = server.unwrap_or_else(|error| panic!("a receiver cannot listen: {error}"));
    let outcome = actix_web::rt::System::new().block_on(async {
        let server = server.run();
        tell.send(server.handle()).ok();
        server.await
    });
    outcome.unwrap_or_else(|error| panic!("a receiver has failed: {error}"));
}

async fn receive(request: HttpRequest, body: Bytes, state: Data<State>) -> HttpResponse {
    let answer = state.script.next(request.path());
    let place = state.log.add(written_down(&request, &body));
    let mut open = Open {
        state: state.clone(),
        place: Some(place),
    };
    actix_web::rt::time::sleep(answer.delay).await;
    open.answered();
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &answer.headers {
        response.insert_header((name.as_str(), value.as_str()));
    }
    response.body(answer.body)
}

fn written_down(request: &HttpRequest, body: &Bytes) -> Received {
    let headers = request.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Received {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        headers: headers.collect(),
        body: body.to_vec(),
        received_at: SystemClock.now(),
        outcome: Outcome::Open,
    }
}

/// A request that waits for its answer. Dropped before that, its client has hung up.
struct Open {
    state: Data<State>,
    place: Option<usize>,
}

impl Open {
    fn answered(&mut self) {
        if let Some(place) = self.place.take() {
            self.state.log.close(place, Outcome::Answered(SystemClock.now()));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.state.log.close(place, Outcome::ClosedEarly(SystemClock.now()));
        }
    }
}
