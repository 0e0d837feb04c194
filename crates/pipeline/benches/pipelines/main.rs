//! The engine beside what its database allows, in one run on one PostgreSQL with default durability.
//!
//! `cargo xtask bench [limits|w1|w2|w3] [--json PATH]`. No figure here is asserted: machines differ and are shared, so what counts
//! is the ratio beside each figure, to what the same driver measured in the same run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and prints for people"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]

mod database;
mod limits;
mod report;
mod works;

use database::Database;
use report::Report;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let json = arguments
        .iter()
        .position(|argument| argument == "--json")
        .and_then(|at| arguments.get(at + 1));
    let wanted: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|name| ["w1", "w2", "w3"].contains(name))
        .collect();
    let wants =
        |name: &str| (wanted.is_empty() && !arguments.iter().any(|name| name == "limits")) || wanted.contains(&name);

    let mut database = Database::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut report = Report::default();
    let limits = runtime.block_on(limits::measure(&mut database, &mut report));
    for (name, work) in [("w1", works::w1 as works::Work), ("w2", works::w2), ("w3", works::w3)] {
        if wants(name) {
            runtime.block_on(work(&mut database, &limits, &mut report));
        }
    }
    report.print();
    if let Some(path) = json {
        report.write(path);
    }
}
