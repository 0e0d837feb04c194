//! The stages: their names, their order, what each may end with.

use std::fmt;
use std::time::Duration;

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;
use super::{advisories, banned, cargo, layers, licences, owners, papers, sizes, texts};

/// One stage, as it is named on the command line and in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StageName {
    /// rustfmt has nothing to change
    Format,
    /// clippy has nothing to say
    Clippy,
    /// the documentation builds
    Docs,
    /// dependencies between our crates point downwards
    Layers,
    /// each outside library has the owners that design allows
    Owners,
    /// every licence in the tree is permissive
    Licences,
    /// no unwanted crate, and one PostgreSQL driver
    Banned,
    /// no known vulnerability, as far as that can be asked offline
    Advisories,
    /// changelog, dependency list, error pages, migrations and READMEs say what the code does
    Papers,
    /// no developer's own paths and no notes to self
    Texts,
    /// long files, as a hint
    Sizes,
}

/// How a stage ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing wrong; findings here are hints.
    Passed {
        /// One short sentence for the table.
        note: String,
        /// What to look at.
        findings: Vec<Finding>,
    },
    /// At least one rule is broken.
    Failed(Vec<Finding>),
    /// It could not be done here, and that is no failure.
    Skipped(String),
}

/// A stage with its end and its duration.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) name: StageName,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

impl Outcome {
    /// Failed if anything was found, else passed with a note.
    pub(super) fn of(findings: Vec<Finding>, note: impl Into<String>) -> Self {
        if findings.is_empty() {
            Self::passed(note)
        } else {
            Self::Failed(findings)
        }
    }

    /// Passed without a hint.
    pub(super) fn passed(note: impl Into<String>) -> Self {
        Self::Passed {
            note: note.into(),
            findings: Vec::new(),
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// The named stages in their usual order, or all when none is named.
pub(super) fn chosen(names: &[StageName]) -> impl Iterator<Item = StageName> {
    let all = <StageName as clap::ValueEnum>::value_variants().iter().copied();
    all.filter(move |name| names.is_empty() || names.contains(name))
}

/// Runs one stage; an error of the tool is a failure of the stage.
#[expect(
    clippy::disallowed_methods,
    reason = "the duration is shown to a person and decides nothing"
)]
pub(super) fn timed(context: &Context, name: StageName) -> Timed {
    let start = std::time::Instant::now();
    let outcome = work(context, name).unwrap_or_else(|error| Outcome::Failed(vec![could_not_run(name, &error)]));
    Timed {
        name,
        took: start.elapsed(),
        outcome,
    }
}

fn work(context: &Context, name: StageName) -> Result<Outcome, Error> {
    match name {
        StageName::Format => cargo::format(context),
        StageName::Clippy => cargo::clippy(context),
        StageName::Docs => cargo::docs(context),
        StageName::Layers => Ok(layers::stage(context)),
        StageName::Owners => Ok(owners::stage(context)),
        StageName::Licences => licences::stage(context),
        StageName::Banned => banned::stage(context),
        StageName::Advisories => advisories::stage(context),
        StageName::Papers => papers::stage(context),
        StageName::Texts => texts::stage(context),
        StageName::Sizes => sizes::stage(context),
    }
}

fn could_not_run(name: StageName, error: &Error) -> Finding {
    let cause = std::error::Error::source(error)
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    Finding::new(
        "tool",
        format!("stage {name}"),
        format!("{error}{cause}"),
        "fix that, then run the stage again",
    )
}
