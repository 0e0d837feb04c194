//! Papers: what the repository says about itself agrees with the code.

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;
use super::stage::Outcome;
use super::{changelog, crates, dependencies, error_pages, migrations};

/// One paper's check.
type Check = fn(&Context) -> Result<Vec<Finding>, Error>;

const CHECKS: [Check; 5] = [
    changelog::check,
    dependencies::check,
    crates::check,
    error_pages::check,
    migrations::check,
];

/// The stage.
pub(super) fn stage(context: &Context) -> Result<Outcome, Error> {
    let found: Result<Vec<Vec<Finding>>, Error> = CHECKS.iter().map(|check| check(context)).collect();
    Ok(Outcome::of(found?.concat(), ""))
}
