//! The rule of layers, on this workspace and on made-up wrong ones.

use std::path::PathBuf;

use super::check;
use crate::context::Context;
use crate::metadata::{Dependency, Kind, Package};

#[test]
fn this_workspace_keeps_its_layers() {
    let context = Context::load().unwrap();
    assert_eq!(check(&context.members), []);
}

#[test]
fn an_edge_downwards_is_fine() {
    assert_eq!(
        problems("gathering-pipeline", "gathering-persistence", Kind::Normal),
        [""; 0]
    );
    assert_eq!(problems("gathering-server", "gathering-domain", Kind::Normal), [""; 0]);
}

#[test]
fn an_edge_between_siblings_is_refused_also_for_tests() {
    let expected = "gathering-tools (layer 2) depends on gathering-auth (layer 2)";
    assert_eq!(problems("gathering-tools", "gathering-auth", Kind::Normal), [expected]);
    let expected = "gathering-tools (layer 2) dev-depends on gathering-auth (layer 2)";
    assert_eq!(problems("gathering-tools", "gathering-auth", Kind::Dev), [expected]);
}

#[test]
fn an_edge_upwards_is_refused() {
    let expected = "gathering-domain (layer 0) depends on gathering-persistence (layer 1)";
    assert_eq!(
        problems("gathering-domain", "gathering-persistence", Kind::Build),
        [expected]
    );
}

#[test]
fn testkit_is_for_tests_only_and_knows_no_engine() {
    assert_eq!(
        problems("gathering-persistence", "gathering-testkit", Kind::Dev),
        [""; 0]
    );
    assert_eq!(
        problems("gathering-testkit", "gathering-persistence", Kind::Normal),
        [""; 0]
    );
    let expected = "gathering-auth (layer 2) depends on gathering-testkit (development only)";
    assert_eq!(
        problems("gathering-auth", "gathering-testkit", Kind::Normal),
        [expected]
    );
    let expected = "gathering-testkit (development only) depends on gathering-pipeline (layer 2)";
    assert_eq!(
        problems("gathering-testkit", "gathering-pipeline", Kind::Normal),
        [expected]
    );
}

#[test]
fn xtask_stands_apart() {
    let expected = "xtask (tool) depends on gathering-domain (layer 0)";
    assert_eq!(problems("xtask", "gathering-domain", Kind::Normal), [expected]);
    let expected = "gathering-server (layer 4) dev-depends on xtask (tool)";
    assert_eq!(problems("gathering-server", "xtask", Kind::Dev), [expected]);
}

#[test]
fn a_package_that_nobody_placed_is_refused() {
    let findings = check(&[package("gathering-helpers", None)]);
    assert_eq!(
        findings[0].problem,
        "gathering-helpers has no place in the table of layers"
    );
}

fn problems(from: &str, to: &str, kind: Kind) -> Vec<String> {
    let edge = Dependency {
        name: to.to_owned(),
        kind,
        path: Some(PathBuf::from("crates")),
    };
    let findings = check(&[package(from, Some(edge)), package(to, None)]);
    findings.into_iter().map(|finding| finding.problem).collect()
}

fn package(name: &str, edge: Option<Dependency>) -> Package {
    Package {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        license: None,
        manifest_path: PathBuf::from("Cargo.toml"),
        dependencies: edge.into_iter().collect(),
    }
}
