//! The table: figure, limit beside it, ratio.

use serde_json::json;

/// The figures, in the order they were measured.
#[derive(Default)]
pub(crate) struct Report(Vec<[String; 4]>);

impl Report {
    pub(crate) fn add(&mut self, what: &str, figure: String, aim: &str, ratio: impl Into<String>) {
        eprintln!("{what}: {figure}");
        self.0.push([what.to_owned(), figure, ratio.into(), aim.to_owned()]);
    }

    pub(crate) fn print(&self) {
        let head = ["figure", "measured", "ratio", "aim"].map(str::to_owned);
        let width = |column: usize| {
            self.0
                .iter()
                .chain([&head])
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2), width(3)];
        for row in [&head].into_iter().chain(&self.0) {
            println!(
                "{:<a$}  {:>b$}  {:>c$}  {:<d$}",
                row[0],
                row[1],
                row[2],
                row[3],
                a = widths[0],
                b = widths[1],
                c = widths[2],
                d = widths[3]
            );
        }
    }

    pub(crate) fn write(&self, path: &str) {
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|[what, figure, ratio, aim]| json!({"figure": what, "measured": figure, "ratio": ratio, "aim": aim}))
            .collect();
        std::fs::write(path, serde_json::to_string_pretty(&rows).unwrap() + "\n").unwrap();
    }
}
