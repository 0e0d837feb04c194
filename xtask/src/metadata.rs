//! The part of `cargo metadata` that the checks read.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::process;

/// The answer of `cargo metadata`.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// The workspace's packages, or all packages in the tree.
    pub(crate) packages: Vec<Package>,
    /// The folder of the workspace's Cargo.toml.
    pub(crate) workspace_root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target_directory: PathBuf,
}

/// One package.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    /// Its name in Cargo.toml.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its SPDX licence expression, where it states one.
    pub(crate) license: Option<String>,
    /// Its Cargo.toml.
    pub(crate) manifest_path: PathBuf,
    /// The direct dependencies it declares.
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
}

/// One declared dependency.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    /// The package it names.
    pub(crate) name: String,
    /// What it is needed for.
    #[serde(default, deserialize_with = "kind_or_normal")]
    pub(crate) kind: Kind,
    /// The folder of a dependency in the same checkout.
    pub(crate) path: Option<PathBuf>,
}

/// When a dependency is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// By the crate itself; cargo writes it as null.
    #[default]
    Normal,
    /// By tests, benchmarks and examples.
    Dev,
    /// By its build script.
    Build,
}

/// The workspace's own packages with the dependencies they declare. Needs no network.
pub(crate) fn workspace(manifest: &Path) -> Result<Metadata, Error> {
    let manifest = manifest.display().to_string();
    ask(&["--no-deps", "--manifest-path", &manifest])
}

/// Every package that is built for this machine, outside ones included. Needs no network once they are fetched.
pub(crate) fn whole_tree(root: &Path) -> Result<Metadata, Error> {
    let manifest = root.join("Cargo.toml").display().to_string();
    let host = host_triple()?;
    let arguments = ["--filter-platform", &host, "--manifest-path", &manifest];
    ask(&[&arguments[..], &["--offline"]].concat()).or_else(|_not_fetched_yet| ask(&arguments))
}

fn ask(arguments: &[&str]) -> Result<Metadata, Error> {
    let output = process::capture(
        &process::cargo(),
        &[&["metadata", "--format-version", "1"], arguments].concat(),
    )?;
    serde_json::from_str(&output).map_err(|source| Error::Format {
        what: "the answer of `cargo metadata`".to_owned(),
        source: source.into(),
    })
}

fn host_triple() -> Result<String, Error> {
    let version = process::capture("rustc", &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::Format {
        what: "the answer of `rustc -vV`".to_owned(),
        source: "it names no host".into(),
    })
}

fn kind_or_normal<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Kind, D::Error> {
    Option::<Kind>::deserialize(input).map(Option::unwrap_or_default)
}
