//! The trace that a request belongs to: the client's, where it names one as W3C Trace Context says, or a new one.

use actix_web::http::header::{HeaderMap, HeaderName};
use gathering::{Entropy, TraceContext};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The span of a request, and the span of the client that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    pub(super) own: TraceContext,
    pub(super) parent: Option<TraceContext>,
}

/// The trace that the client named, or a new one. Two `traceparent` headers name none.
pub(super) fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Trace {
    let mut parents = headers.get_all(TRACEPARENT);
    let parent = match (parents.next(), parents.next()) {
        (Some(parent), None) => parent.to_str().ok(),
        _ => None,
    };
    let states = headers
        .get_all(TRACESTATE)
        .map(|state| state.to_str().unwrap_or(UNREADABLE));
    let parent = parent.and_then(|parent| TraceContext::from_headers(parent.trim(), states));
    let own = match &parent {
        Some(parent) => parent.child(entropy),
        None => TraceContext::new(entropy),
    };
    Trace { own, parent }
}

/// Makes all of the state worth nothing, as every member does that breaks a rule.
const UNREADABLE: &str = "=";

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use gathering::SystemEntropy;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of_headers(sent: &[(&'static str, &[u8])]) -> Trace {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        of(&headers, &SystemEntropy::default())
    }

    #[test]
    fn a_request_is_a_span_of_its_own_in_the_trace_that_its_client_names() {
        let trace = of_headers(&[
            ("traceparent", PARENT.as_bytes()),
            ("tracestate", b"a=1"),
            ("tracestate", b"b=2"),
        ]);
        let parent = trace.parent.unwrap();
        assert_eq!(parent.traceparent(), PARENT);
        assert_eq!(trace.own.trace_id(), parent.trace_id());
        assert_ne!(trace.own.span_id(), parent.span_id());
        assert_eq!(trace.own.tracestate(), Some("a=1,b=2"));
    }

    #[test]
    fn two_parents_or_a_wrong_one_make_a_new_trace_without_state() {
        let twice = of_headers(&[("traceparent", PARENT.as_bytes()), ("traceparent", PARENT.as_bytes())]);
        let wrong = of_headers(&[("traceparent", b"00-x"), ("tracestate", b"a=1")]);
        for trace in [twice, wrong] {
            assert!(trace.parent.is_none());
            assert_ne!(trace.own.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!(trace.own.tracestate(), None);
        }
    }

    #[test]
    fn a_state_that_is_no_text_is_left_out_and_the_trace_goes_on() {
        let trace = of_headers(&[
            ("traceparent", PARENT.as_bytes()),
            ("tracestate", b"a=1"),
            ("tracestate", b"b=\xff"),
        ]);
        assert!(trace.parent.is_some());
        assert_eq!(trace.own.tracestate(), None);
    }
}
