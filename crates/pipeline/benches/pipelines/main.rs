//! The engine beside what its database allows, in one run on one PostgreSQL with default durability.
//!
//! `cargo xtask bench [limits|w1|w2|w3|idle] [--json PATH]`. No figure here is asserted: machines differ and are shared, so what counts
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
mod subject;
mod works;

use std::process::ExitCode;

use database::Database;
use report::Report;

/// The works by their names.
const WORKS: [(&str, works::Work); 3] = [("w1", works::w1), ("w2", works::w2), ("w3", works::w3)];
/// A part of all three that is only run when it is asked for.
const IDLE: (&str, works::Work) = ("idle", works::one_at_a_time);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut wanted, mut json) = (Vec::new(), None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = arguments.next(),
            name if name == "limits" || WORKS.iter().chain([&IDLE]).any(|(known, _)| *known == name) => {
                wanted.push(argument);
            }
            other => {
                eprintln!("there is no benchmark {other}; there are limits, w1, w2, w3 and idle");
                return ExitCode::from(2);
            }
        }
    }
    let mut database = Database::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut report = Report::default();
    let limits = runtime.block_on(limits::measure(&mut database, &mut report));
    for (name, work) in WORKS.into_iter().chain([IDLE]) {
        let unasked = wanted.is_empty() && name != IDLE.0;
        if unasked || wanted.iter().any(|wanted| wanted == name) {
            runtime.block_on(work(&mut database, &limits, &mut report));
        }
    }
    report.print();
    if let Some(path) = json {
        report.write(&path);
    }
    ExitCode::SUCCESS
}
