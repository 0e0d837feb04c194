//! Requests at once on one connection: HTTP/2 has many, and the HTTP library has no bound for them.

use std::any::Any;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::code::Code;
use super::problem::Problem;

/// The most requests at once on one connection: as many as RFC 9113, section 6.5.2, asks for at least.
const MOST: usize = 100;

/// What is left of them on one connection.
#[derive(Debug, Clone)]
struct Streams(Arc<Semaphore>);

/// Goes with each new connection.
pub(crate) fn count_on(_: &dyn Any, connection: &mut Extensions) {
    connection.insert(Streams(Arc::new(Semaphore::new(MOST))));
}

/// A place on the connection of this request, to be kept until it is answered.
pub(super) fn place(request: &HttpRequest) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    let Some(Streams(left)) = request.conn_data::<Streams>() else {
        return Ok(None);
    };
    left.clone().try_acquire_owned().map(Some).map_err(|_none| {
        let detail = format!("{MOST} requests are under way on this connection already; wait for an answer");
        Problem::new(Code::UseCase(gathering::Code::Overloaded), detail)
            .with_retry_after(std::time::Duration::from_secs(1))
    })
}
