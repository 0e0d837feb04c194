//! Layers: dependencies between our own crates point strictly downwards.

use crate::context::Context;
use crate::metadata::{Dependency, Kind, Package};

use super::finding::Finding;
use super::stage::Outcome;
use super::table::counted;

const RULE: &str = "layers";
const TABLE: &str = "xtask/src/check/layers.rs";

/// What a package of the workspace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A crate of the product; it may know those of lower numbers.
    Layer(u8),
    /// Help for tests: used by all as a dev-dependency, itself above layer 1 and below the engines.
    TestHelp,
    /// A tool of the repository that knows nothing of ours.
    Tool,
}

/// Every package of the workspace and where it stands.
const PLACES: [(&str, Place); 14] = [
    ("gathering-domain", Place::Layer(0)),
    ("gathering-embedded-postgres", Place::Layer(0)),
    ("gathering-persistence", Place::Layer(1)),
    ("gathering-auth", Place::Layer(2)),
    ("gathering-events", Place::Layer(2)),
    ("gathering-tools", Place::Layer(2)),
    ("gathering-pipeline", Place::Layer(2)),
    ("gathering-scheduler", Place::Layer(2)),
    ("gathering-agents", Place::Layer(2)),
    ("gathering-workspace", Place::Layer(2)),
    ("gathering", Place::Layer(3)),
    ("gathering-server", Place::Layer(4)),
    ("gathering-testkit", Place::TestHelp),
    ("xtask", Place::Tool),
];

/// The stage.
pub(super) fn stage(context: &Context) -> Outcome {
    Outcome::of(check(&context.members), counted(context.members.len(), "package"))
}

/// Every edge and package that breaks the rule.
fn check(members: &[Package]) -> Vec<Finding> {
    members
        .iter()
        .flat_map(|package| check_package(package, members))
        .collect()
}

fn check_package(package: &Package, members: &[Package]) -> Vec<Finding> {
    let Some(place) = place_of(&package.name) else {
        let problem = format!("{} has no place in the table of layers", package.name);
        return vec![Finding::new(
            RULE,
            TABLE,
            problem,
            "add it to PLACES there, and to ARCHITECTURE.md",
        )];
    };
    let own = package.dependencies.iter().filter(|edge| is_ours(edge, members));
    own.filter_map(|edge| broken(package, place, edge)).collect()
}

fn is_ours(edge: &Dependency, members: &[Package]) -> bool {
    edge.path.is_some() && members.iter().any(|member| member.name == edge.name)
}

fn broken(package: &Package, place: Place, edge: &Dependency) -> Option<Finding> {
    let way_out = refusal(place, place_of(&edge.name)?, edge.kind)?;
    let kind = if edge.kind == Kind::Dev {
        "dev-depends"
    } else {
        "depends"
    };
    let problem = format!(
        "{} ({}) {kind} on {} ({})",
        package.name,
        shown(place),
        edge.name,
        shown(place_of(&edge.name)?)
    );
    Some(Finding::new(
        RULE,
        format!("crate {}, Cargo.toml", package.name),
        problem,
        way_out,
    ))
}

/// Why an edge may not be, as the way out of it.
fn refusal(from: Place, to: Place, kind: Kind) -> Option<&'static str> {
    match (from, to) {
        (Place::Tool, _) => Some("xtask must build when our crates do not: call the binary, or read files"),
        (_, Place::Tool) => Some("nothing depends on xtask: move what is shared into a crate"),
        (Place::Layer(_), Place::TestHelp) if kind == Kind::Dev => None,
        (_, Place::TestHelp) => Some("testkit is a dev-dependency only: move what the product needs out of it"),
        (Place::TestHelp, Place::Layer(0 | 1)) => None,
        (Place::TestHelp, Place::Layer(_)) => Some(
            "testkit serves the engines' tests, so it must not know them: help of one engine lives in its own tests",
        ),
        (Place::Layer(from), Place::Layer(to)) if to < from => None,
        (Place::Layer(from), Place::Layer(to)) if to == from => {
            Some("siblings meet in the facade (crates/gathering), or in rows written in the caller's transaction")
        }
        (Place::Layer(_), Place::Layer(_)) => {
            Some("turn the edge round: the upper crate passes in what the lower one needs")
        }
    }
}

fn place_of(name: &str) -> Option<Place> {
    PLACES.iter().find(|(known, _)| *known == name).map(|(_, place)| *place)
}

fn shown(place: Place) -> String {
    match place {
        Place::Layer(number) => format!("layer {number}"),
        Place::TestHelp => "development only".to_owned(),
        Place::Tool => "tool".to_owned(),
    }
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
