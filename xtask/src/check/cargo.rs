//! The stages that cargo itself carries out; its own output says what is wrong and where.

use std::process::Command;

use crate::context::Context;
use crate::error::Error;
use crate::process;

use super::finding::Finding;
use super::stage::Outcome;

/// rustfmt.
pub(super) fn format(context: &Context) -> Result<Outcome, Error> {
    judge(
        cargo(context, &["fmt", "--all", "--", "--check", "-l"]),
        "rustfmt would change the files named above",
        "cargo fmt --all",
    )
}

/// clippy, every target, every warning an error; then what stands behind a feature that no usual build has.
pub(super) fn clippy(context: &Context) -> Result<Outcome, Error> {
    match clippy_of(context, &["--workspace", "--all-targets"])? {
        Outcome::Passed { .. } => clippy_of(context, WITHOUT_SAFETIES),
        wrong @ (Outcome::Failed(_) | Outcome::Skipped(_)) => Ok(wrong),
    }
}

/// The only crate with code behind the feature: the others pass it on.
const WITHOUT_SAFETIES: &[&str] = &["--package", "gathering-persistence", "--features", "without-safeties"];

fn clippy_of(context: &Context, what: &[&str]) -> Result<Outcome, Error> {
    let arguments = [&["clippy", "--quiet"], what, &["--", "-D", "warnings"]].concat();
    judge(
        cargo(context, &arguments),
        "clippy has warnings, see above",
        "do what each says, or #[expect(lint, reason = \"…\")]",
    )
}

/// rustdoc, every warning an error: broken links, missing pages.
pub(super) fn docs(context: &Context) -> Result<Outcome, Error> {
    let mut command = cargo(context, &["doc", "--quiet", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    judge(
        command,
        "rustdoc has warnings, see above",
        "correct the comments that it names",
    )
}

fn cargo(context: &Context, arguments: &[&str]) -> Command {
    let mut command = process::cargo_in(&context.root);
    command.args(arguments);
    command
}

fn judge(mut command: Command, problem: &str, way_out: &str) -> Result<Outcome, Error> {
    if process::run(&mut command)?.success() {
        return Ok(Outcome::passed(""));
    }
    let shown = command
        .get_args()
        .next()
        .map(|word| word.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok(Outcome::Failed(vec![Finding::new(
        "cargo",
        format!("cargo {shown}"),
        problem,
        way_out,
    )]))
}
