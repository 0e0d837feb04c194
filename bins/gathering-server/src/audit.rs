//! `gathering audit verify`: follows the chain of hashes, and says what is not as it was written.

use std::io::{self, Write as _};

use gathering::{AuditReport, Inspector};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::VerifyArgs;
use crate::database::{Database, patiently};
use crate::failure::Failure;
use crate::settings::Settings;

/// Prints what is wrong, and the last row with its hash.
pub(crate) async fn verify(settings: &Settings, args: VerifyArgs) -> Result<(), Failure> {
    let database = Database::open_unchanged(settings).await?;
    let verified = patiently(async || follow(&database, &args).await.map_err(Failure::Audit)).await;
    database.close().await;
    let report = verified?;
    print(&report).map_err(|source| Failure::System {
        action: "write to standard output",
        source,
    })?;
    if report.flawed == 0 {
        return Ok(());
    }
    Err(Failure::AuditFlawed { flaws: report.flawed })
}

async fn follow(database: &Database, args: &VerifyArgs) -> Result<AuditReport, gathering::Error> {
    let inspector = Inspector::new(database.pool.clone());
    let expected = args.expect.as_ref().map(|(row, hash)| (*row, hash.as_str()));
    // Draws nothing where standard error is no terminal.
    let bar = ProgressBar::new(0).with_style(style());
    let verified = inspector
        .verify_audit(expected, |rows, of| {
            bar.set_length(of);
            bar.set_position(rows);
        })
        .await;
    bar.finish_and_clear();
    verified
}

fn style() -> ProgressStyle {
    let template = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} rows, {eta} to go");
    template.unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn print(report: &AuditReport) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for flaw in &report.flaws {
        writeln!(out, "{flaw}")?;
    }
    let more = report.flawed - report.flaws.len() as u64;
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    let (row, hash) = &report.head;
    match (report.flawed, report.rows) {
        (0, 0) => writeln!(out, "the audit is empty"),
        (0, rows) => writeln!(
            out,
            "{rows} rows are as they were written\nkeep this elsewhere, for `gathering audit verify --expect` to show later that they still are:\n{row}:{hash}"
        ),
        (flaws, rows) => writeln!(out, "{rows} rows; what is wrong with them: {flaws}"),
    }
}
