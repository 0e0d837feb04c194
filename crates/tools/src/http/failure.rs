//! Names what went wrong below HTTP, from the chain of errors that the client gives.

use std::error::Error;
use std::io;

use crate::outbound::DnsFailure;
use crate::{ToolError, ToolErrorKind};

/// The error of an exchange with `host` that ended before its answer was complete.
pub(super) fn of(error: reqwest::Error, host: &str) -> ToolError {
    let (kind, message) = if let Some(failure) = find::<DnsFailure>(&error) {
        match failure {
            DnsFailure::Refused { word, .. } => (ToolErrorKind::AddressRefused, refusal(host, word)),
            DnsFailure::Lookup(_) | DnsFailure::NoAddress => (
                ToolErrorKind::DnsFailed,
                format!("the name {host} could not be resolved; is it written right?"),
            ),
        }
    } else if let Some(reason) = find::<rustls::Error>(&error) {
        (
            ToolErrorKind::TlsFailed,
            format!("no trusted connection to {host} could be made: {reason}"),
        )
    } else if error.is_connect() {
        (
            ToolErrorKind::ConnectFailed,
            format!("{host} could not be connected to; is it up, and is the port right?"),
        )
    } else if error.is_builder() {
        (
            ToolErrorKind::InvalidConfig,
            format!("the request to {host} could not be written; look at its URL"),
        )
    } else {
        (
            ToolErrorKind::ConnectionLost,
            format!("the connection to {host} ended before its HTTP answer was complete"),
        )
    };
    // The URL may hold secrets, and the log has the host already.
    ToolError::new(kind, message).with_source(error.without_url())
}

/// The error of a call to `host`, an address of the kind `word`.
pub(super) fn refused(host: &str, word: &str) -> ToolError {
    ToolError::new(ToolErrorKind::AddressRefused, refusal(host, word))
}

fn refusal(host: &str, word: &str) -> String {
    format!(
        "{host} is not a public address ({word}) and may not be reached; \
         the operator can allow it in GATHERING_OUTBOUND_ALLOW"
    )
}

/// The first `T` in the chain below `error`. What an `io::Error` wraps is not its source, but comes next here.
fn find<T: Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
