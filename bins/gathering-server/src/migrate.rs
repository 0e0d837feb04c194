//! `gathering migrate`: brings the database up to this release, and says what it did.

use std::io::Write as _;

use crate::database::Database;
use crate::failure::Failure;
use crate::settings::Settings;

/// Applies what is missing and prints it.
pub(crate) async fn run(settings: &Settings) -> Result<(), Failure> {
    let (database, migrated) = Database::open(settings).await?;
    database.close().await;
    print(&migrated.applied).map_err(|source| Failure::System {
        action: "write to standard output",
        source,
    })
}

fn print(applied: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for migration in applied {
        writeln!(out, "applied {migration}")?;
    }
    match applied.len() {
        0 => writeln!(out, "the database is up to date"),
        1 => writeln!(out, "1 migration applied; the database is up to date"),
        count => writeln!(out, "{count} migrations applied; the database is up to date"),
    }
}
