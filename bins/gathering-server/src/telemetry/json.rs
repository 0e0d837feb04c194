//! One log event as one flat JSON object: time, level, target, message, then its fields and those of its spans.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::fields::Fields;

/// Writes events as JSON lines.
///
/// The fields of the spans stand beside those of the event, so that `request_id` and `run_id` are found in the same
/// place on every line; an inner span and the event win over an outer span.
#[derive(Debug)]
pub(super) struct Lines;

impl<S> FormatEvent<S, JsonFields> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        line.insert("time".to_owned(), Value::String(now()?));
        let metadata = event.metadata();
        line.insert("level".to_owned(), Value::from(metadata.level().as_str()));
        line.insert("target".to_owned(), Value::from(metadata.target()));
        // Its place in the line; the event fills it in.
        line.insert("message".to_owned(), Value::from(""));
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                line.extend(parsed(&fields.fields));
            }
        }
        // Of use to whoever collects spans, not to whoever reads lines.
        line.shift_remove("parent_span_id");
        line.shift_remove("unsampled");
        event.record(&mut Fields(&mut line));
        as_own_event(&mut line);
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The present time as RFC 3339 in UTC.
fn now() -> Result<String, fmt::Error> {
    let mut text = String::new();
    SystemTime.format_time(&mut Writer::new(&mut text))?;
    Ok(text)
}

/// An event of a library that logs through the crate `log` keeps its target in a field, and its place in others that nobody needs.
fn as_own_event(line: &mut Map<String, Value>) {
    if let Some(target) = line.shift_remove("log.target") {
        line.insert("target".to_owned(), target);
        line.retain(|name, _| !name.starts_with("log."));
    }
}

/// The fields of a span, which the subscriber keeps as JSON text.
fn parsed(fields: &str) -> Map<String, Value> {
    serde_json::from_str(fields).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line_of(logs: impl FnOnce()) -> Value {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(Lines)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, logs);
        let bytes = kept.0.lock().unwrap().clone();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn a_line_carries_the_ids_of_its_spans_beside_its_own_fields() {
        let line = line_of(|| {
            let request = tracing::info_span!("request", request_id = "r1", path = "/x").entered();
            let run = tracing::info_span!("run", run_id = "7").entered();
            tracing::info!(nodes = 3, "saved \"it\"");
            drop((run, request));
        });
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "saved \"it\"");
        assert_eq!(line["request_id"], "r1");
        assert_eq!(line["run_id"], "7");
        assert_eq!(line["path"], "/x");
        assert_eq!(line["nodes"], 3);
    }

    #[test]
    fn an_error_is_logged_with_its_whole_chain() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot save")]
        struct Outer(#[source] io::Error);

        let line = line_of(|| {
            let error = Outer(io::Error::other("disk full"));
            tracing::error!(error = &error as &dyn std::error::Error, "failed");
        });
        assert_eq!(line["error"], "cannot save: disk full");
    }
}
