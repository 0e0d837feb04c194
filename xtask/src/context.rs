//! Where the command works: the root of the checkout and the packages in it.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::metadata::{self, Package};

/// The checkout, read once per command.
#[derive(Debug)]
pub(crate) struct Context {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// The packages of the workspace.
    pub(crate) members: Vec<Package>,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

impl Context {
    /// Reads the workspace that xtask itself belongs to, wherever it is called from.
    pub(crate) fn load() -> Result<Self, Error> {
        let workspace = metadata::workspace(&own_manifest())?;
        Ok(Self {
            root: workspace.workspace_root,
            members: workspace.packages,
            target: workspace.target_directory,
        })
    }

    /// The path as people read it: from the root of the checkout.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Reads a text file of the checkout, given from its root.
    pub(crate) fn read(&self, path: &str) -> Result<String, Error> {
        let path = self.root.join(path);
        std::fs::read_to_string(&path).map_err(|source| Error::File {
            action: "read",
            path,
            source,
        })
    }
}

/// Cargo names the package it runs; the path from build time serves when the binary is started by hand.
fn own_manifest() -> PathBuf {
    let built_at = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(built_at, PathBuf::from)
        .join("Cargo.toml")
}
