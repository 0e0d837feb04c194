//! The lines that the suite reads, and the sizes that it hands in.

use std::io::Write as _;
use std::time::Duration;

/// A size from the environment.
pub(crate) fn size(name: &str, usual: usize) -> usize {
    let given = std::env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

pub(crate) fn emit(metric: &str, value: f64, unit: &str) {
    say(&format!("@@ {metric} {value:.3} {unit}"));
}

/// The median and the 99th percentile, in milliseconds.
pub(crate) fn percentiles(metric: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    for (name, percent) in [("p50", 50), ("p99", 99)] {
        let at = (times.len() * percent / 100).min(times.len() - 1);
        emit(&format!("{metric}_{name}"), times[at].as_secs_f64() * 1e3, "ms");
    }
}

/// What follows is metered; the meter gets a moment to look, as with every peer.
pub(crate) async fn begin() {
    say("@@begin");
    tokio::time::sleep(Duration::from_millis(150)).await;
}

pub(crate) fn end(tag: &str, items: usize) {
    // Without a tag there is no place for the items; the meter then derives them from rate and time.
    let items = if tag.is_empty() {
        String::new()
    } else {
        items.to_string()
    };
    say(format!("@@end {tag} {items}").trim_end());
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}
