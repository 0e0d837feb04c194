//! The engine beside what its database allows, in one run on one PostgreSQL with default durability.
//!
//! `cargo xtask bench [NAME] [--json PATH]`; a wrong name lists the right ones. No figure here is asserted: machines differ and are shared, so what
//! counts is the ratio beside each figure, to what the same driver measured in the same run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and prints for people"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]

mod bench;
mod child;
#[path = "../peer/counter.rs"]
mod counter;
mod database;
mod growth;
mod history;
mod idle;
mod instances;
mod limits;
mod linear;
mod memory;
mod pure;
mod report;
mod works;

use std::pin::Pin;
use std::process::ExitCode;

use database::Database;
use report::Report;

/// That of the server, whose time is measured here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A benchmark that is compared with something of its own.
type Own = for<'a> fn(&'a mut Database, &'a mut Report) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What a benchmark is compared with.
enum Work {
    /// The limits of the database, measured first. These run when no name is given.
    BesideLimits(works::Work),
    /// The same, for a part of others that is only run when it is asked for.
    PartBesideLimits(works::Work),
    /// Something of its own; only by name, because it takes minutes or the whole machine.
    BesideItself(Own),
}

/// The works by their names.
const WORKS: [(&str, Work); 11] = [
    ("w1", Work::BesideLimits(works::w1)),
    ("w2", Work::BesideLimits(works::w2)),
    ("w3", Work::BesideLimits(works::w3)),
    ("idle", Work::PartBesideLimits(works::one_at_a_time)),
    ("pure", Work::BesideItself(pure::pure)),
    ("instances", Work::BesideItself(instances::instances)),
    ("memory", Work::BesideItself(memory::memory)),
    ("linear", Work::BesideItself(linear::linear)),
    ("growth", Work::BesideItself(growth::growth)),
    ("growth-full", Work::BesideItself(growth::growth_full)),
    ("held", Work::BesideItself(growth::held)),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut wanted, mut json) = (Vec::new(), None);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            child::ARGUMENT => {
                runtime.block_on(child::obey(&arguments.next().unwrap()));
                return ExitCode::SUCCESS;
            }
            "--json" => json = arguments.next(),
            name if name == "limits" || WORKS.iter().any(|(known, _)| *known == name) => wanted.push(argument),
            other => {
                let known = WORKS.map(|(name, _)| name).join(", ");
                eprintln!("there is no benchmark {other}; there are limits, {known}");
                return ExitCode::from(2);
            }
        }
    }
    let mut database = Database::start();
    let mut report = Report::default();
    runtime.block_on(measure(&wanted, &mut database, &mut report));
    report.print();
    if let Some(path) = json {
        report.write(&path);
    }
    ExitCode::SUCCESS
}

async fn measure(wanted: &[String], database: &mut Database, report: &mut Report) {
    let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == name);
    let is_beside_limits = |name: &str, work: &Work| match work {
        Work::BesideLimits(_) => wanted.is_empty() || is_wanted(name),
        Work::PartBesideLimits(_) => is_wanted(name),
        Work::BesideItself(_) => false,
    };
    let needs_limits = is_wanted("limits") || WORKS.iter().any(|(name, work)| is_beside_limits(name, work));
    if needs_limits {
        let limits = limits::measure(database, report).await;
        for (_, work) in WORKS.iter().filter(|(name, work)| is_beside_limits(name, work)) {
            if let Work::BesideLimits(work) | Work::PartBesideLimits(work) = work {
                work(database, &limits, report).await;
            }
        }
    }
    for (_, work) in WORKS.iter().filter(|(name, _)| is_wanted(name)) {
        if let Work::BesideItself(work) = work {
            work(database, report).await;
        }
    }
}
