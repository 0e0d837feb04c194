//! Licences: everything in the tree is permissive, so that the binary can be given away under ours.

use crate::context::Context;
use crate::error::Error;
use crate::metadata::{self, Package};

use super::finding::Finding;
use super::spdx;
use super::stage::Outcome;
use super::table::counted;

const RULE: &str = "licences";
const TABLE: &str = "xtask/src/check/licences.rs";

/// Licences that ask for no more than a notice.
const ACCEPTED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The stage.
pub(super) fn stage(context: &Context) -> Result<Outcome, Error> {
    let packages = metadata::whole_tree(&context.root)?.packages;
    Ok(Outcome::of(check(&packages), counted(packages.len(), "package")))
}

fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().filter_map(check_package).collect()
}

fn check_package(package: &Package) -> Option<Finding> {
    let problem = match &package.license {
        None => "states no licence".to_owned(),
        Some(expression) => match spdx::acceptable(expression, &ACCEPTED) {
            Ok(true) => return None,
            Ok(false) => {
                format!("is under {expression}, which is not in the list of accepted licences")
            }
            Err(reason) => format!("has a licence that cannot be read, {expression:?}: {reason}"),
        },
    };
    let place = format!("{} {}", package.name, package.version);
    let way_out = format!("use another crate; a permissive licence that is merely new goes into ACCEPTED in {TABLE}");
    Some(Finding::new(RULE, place, problem, way_out))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::metadata::Package;

    #[test]
    fn copyleft_unknown_and_missing_licences_are_refused() {
        for licence in [
            Some("GPL-3.0-or-later"),
            Some("AGPL-3.0-only"),
            Some("LGPL-2.1-only"),
            Some("Proprietary"),
            None,
        ] {
            assert_eq!(check(&[package(licence)]).len(), 1, "{licence:?}");
        }
    }

    #[test]
    fn permissive_licences_pass() {
        for licence in [
            "MIT OR Apache-2.0",
            "Apache-2.0 AND ISC",
            "Unlicense/MIT",
            "MIT OR GPL-3.0-only",
        ] {
            assert!(check(&[package(Some(licence))]).is_empty(), "{licence}");
        }
    }

    fn package(licence: Option<&str>) -> Package {
        Package {
            name: "something".to_owned(),
            version: "1.2.3".to_owned(),
            license: licence.map(str::to_owned),
            manifest_path: "Cargo.toml".into(),
            dependencies: Vec::new(),
        }
    }
}
