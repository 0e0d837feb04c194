//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

use gathering::measure::Spread;

/// The content type of what is written here.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Labels of one sample, as name and value.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// What a scrape gives, as it grows. Writing to it cannot fail, so what `write!` says is not looked at.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// One that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// One that only grows.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help, [(&[][..], value)]);
    }

    /// One that only grows, for each of several labels.
    pub(super) fn counters<'a>(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels<'a>, u64)>) {
        self.head(name, "counter", help);
        for (labels, value) in values {
            self.sample(name, labels, value);
        }
    }

    /// How values are spread; they are divided by `unit`, as microseconds by a million for seconds.
    pub(super) fn histograms<'a>(
        &mut self,
        name: &str,
        help: &str,
        unit: f64,
        spreads: impl IntoIterator<Item = (Labels<'a>, Spread)>,
    ) {
        self.head(name, "histogram", help);
        for (labels, spread) in spreads {
            self.spread(name, labels, unit, &spread);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 of anything are more than is counted")]
    fn spread(&mut self, name: &str, labels: Labels<'_>, unit: f64, spread: &Spread) {
        let (bucket, mut below) = (format!("{name}_bucket"), 0);
        let bounds = spread.bounds.iter().map(|bound| (*bound as f64 / unit).to_string());
        let bounds = bounds.chain(std::iter::once("+Inf".to_owned()));
        for (bound, count) in bounds.zip(&spread.counts) {
            below += count;
            let mut all = labels.to_vec();
            all.push(("le", &bound));
            self.sample(&bucket, &all, below);
        }
        self.sample(&format!("{name}_sum"), labels, spread.sum as f64 / unit);
        self.sample(&format!("{name}_count"), labels, spread.count());
    }

    /// What every metric begins with, also one that has no sample yet.
    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    pub(super) fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            self.0.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_each_bound_and_is_told_in_base_units() {
        let mut text = Text::default();
        let spread = Spread {
            bounds: &[500, 1_000_000],
            counts: vec![2, 1, 4],
            sum: 2_500_000,
        };
        text.histograms("took_seconds", "How long.", 1e6, [(&[("of", "a")][..], spread)]);
        let expected = r#"# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_bucket{of="a",le="0.0005"} 2
took_seconds_bucket{of="a",le="1"} 3
took_seconds_bucket{of="a",le="+Inf"} 7
took_seconds_sum{of="a"} 2.5
took_seconds_count{of="a"} 7
"#;
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn the_value_of_a_label_cannot_end_its_line() {
        let mut text = Text::default();
        text.sample("x", &[("of", "a\"b\\c\nd")], 1);
        assert_eq!(text.finish(), "x{of=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
