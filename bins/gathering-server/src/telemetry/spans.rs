//! Takes the spans of requests, runs and attempts as they end, for whoever collects traces.

use std::fmt::Debug;
use std::sync::Arc;

use gathering::measure::Counter;
use gathering::{Clock as _, SystemClock};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The most ended spans that wait to be sent; more are dropped, and counted.
const MOST_WAITING: usize = 8_192;

/// What a span is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Run,
    Attempt,
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) kind: Kind,
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) parent_span_id: Option<String>,
    /// In nanoseconds since 1970.
    pub(super) begun: i128,
    pub(super) over: i128,
    pub(super) attributes: Vec<(&'static str, String)>,
}

/// Takes the spans.
#[derive(Debug)]
pub(super) struct Spans {
    ended: Sender<Ended>,
    dropped: Arc<Counter>,
}

/// The spans that were taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(super) ended: Receiver<Ended>,
    /// How many there was no room for.
    pub(super) dropped: Arc<Counter>,
}

/// What takes spans, and where they go.
pub(super) fn spans() -> (Spans, Taken) {
    let (ended, taken) = mpsc::channel(MOST_WAITING);
    let dropped = Arc::new(Counter::default());
    let spans = Spans {
        ended,
        dropped: dropped.clone(),
    };
    (spans, Taken { ended: taken, dropped })
}

/// Whether a span, or an event that says how one ended, is wanted.
pub(super) fn is_wanted(metadata: &Metadata<'_>) -> bool {
    let tells_the_end = || metadata.fields().field("status").is_some() && *metadata.level() <= Level::DEBUG;
    let of_ours = metadata.target().starts_with("gathering");
    of_ours
        && if metadata.is_span() {
            kind(metadata).is_some()
        } else {
            tells_the_end()
        }
}

fn kind(metadata: &Metadata<'_>) -> Option<Kind> {
    match metadata.name() {
        "request" => Some(Kind::Request),
        "run" => Some(Kind::Run),
        "attempt" => Some(Kind::Attempt),
        _ => None,
    }
}

/// What is known of a span that has not ended.
#[derive(Debug)]
struct Open {
    kind: Kind,
    begun: i128,
    trace_id: Option<String>,
    span_id: Option<String>,
    parent_span_id: Option<String>,
    /// Whoever began the trace did not want it to be recorded.
    unsampled: bool,
    attributes: Vec<(&'static str, String)>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let (Some(kind), Some(span)) = (kind(attributes.metadata()), context.span(id)) else {
            return;
        };
        let mut open = Open {
            kind,
            begun: now(),
            trace_id: None,
            span_id: None,
            parent_span_id: None,
            unsampled: false,
            attributes: Vec::new(),
        };
        attributes.record(&mut open);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(open);
        }
    }

    /// What a line says of the end of a request or run is told of its span, too.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if let Some(span) = context.event_span(event)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            event.record(open);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let open = context
            .span(&id)
            .and_then(|span| span.extensions_mut().remove::<Open>());
        let Some(ended) = open.and_then(Open::end) else {
            return;
        };
        // Nobody waits for a collector.
        if self.ended.try_send(ended).is_err() {
            self.dropped.one();
        }
    }
}

impl Open {
    /// What there is to send: nothing of what belongs to no trace, or to one that is not recorded.
    fn end(self) -> Option<Ended> {
        // Probes come every few seconds, for ever.
        let probes = |(name, text): &(&str, String)| *name == "path" && text.starts_with("/health/");
        if self.unsampled || self.attributes.iter().any(probes) {
            return None;
        }
        Some(Ended {
            kind: self.kind,
            trace_id: self.trace_id?,
            span_id: self.span_id?,
            parent_span_id: self.parent_span_id,
            begun: self.begun,
            over: now(),
            attributes: self.attributes,
        })
    }

    fn take(&mut self, field: &Field, text: String) {
        match field.name() {
            "trace_id" => self.trace_id = Some(text),
            "span_id" => self.span_id = Some(text),
            "parent_span_id" => self.parent_span_id = Some(text),
            "unsampled" => self.unsampled = true,
            // What went wrong is for the log, which may hold what a collector is not to see.
            "message" | "error" | "milliseconds" => {}
            name => self.attributes.push((name, text)),
        }
    }
}

impl Visit for Open {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, format!("{value:?}"));
    }
}

fn now() -> i128 {
    SystemClock.now().as_nanosecond()
}
