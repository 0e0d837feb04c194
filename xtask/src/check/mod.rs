//! `cargo xtask check`: what a change must pass, as stages that all run, and one table at the end.

mod advisories;
mod banned;
mod cargo;
mod changelog;
mod crates;
mod dependencies;
mod error_pages;
mod finding;
mod layers;
mod licences;
mod migrations;
mod owners;
mod papers;
mod sizes;
mod spdx;
mod stage;
mod table;
mod texts;
mod tracked;

use std::process::ExitCode;

use crate::context::Context;
use crate::terminal::{Tone, paint, say};

pub(crate) use stage::StageName;
use stage::{Outcome, Timed};

/// Runs the named stages, or all, and says how each went. None stops another.
pub(crate) fn run(context: &Context, names: &[StageName]) -> ExitCode {
    let results: Vec<Timed> = stage::chosen(names).map(|name| run_one(context, name)).collect();
    say("");
    for line in table::lines(&results) {
        say(&line);
    }
    if results.iter().any(|timed| matches!(timed.outcome, Outcome::Failed(_))) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn run_one(context: &Context, name: StageName) -> Timed {
    say(&paint(&format!("== {name}"), Tone::Quiet));
    let timed = stage::timed(context, name);
    let (Outcome::Passed { findings, .. } | Outcome::Failed(findings)) = &timed.outcome else {
        return timed;
    };
    for finding in findings {
        say(&finding.to_string());
    }
    timed
}
