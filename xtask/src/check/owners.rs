//! Owners: an outside library that marks a boundary is named by the crates that own the boundary, and by no other.

use crate::context::Context;
use crate::metadata::{Kind, Package};

use super::finding::Finding;
use super::stage::Outcome;

const RULE: &str = "owners";

/// Libraries that share their owners and the reason.
#[derive(Debug)]
struct Boundary {
    libraries: &'static [&'static str],
    owners: &'static [&'static str],
    way_out: &'static str,
}

const BOUNDARIES: [Boundary; 11] = [
    Boundary {
        libraries: &[
            "tokio-postgres",
            "deadpool-postgres",
            "refinery",
            "tokio-postgres-rustls",
        ],
        owners: &["gathering-persistence", "gathering-testkit"],
        way_out: "SQL and connections live in gathering-persistence: add a function there, use its re-exported types",
    },
    Boundary {
        libraries: &["actix-web"],
        owners: &["gathering-server", "gathering-testkit"],
        way_out: "serving HTTP belongs to the binary: return a plain type and map it there",
    },
    Boundary {
        libraries: &["reqwest"],
        owners: &["gathering-tools", "gathering-server", "gathering-testkit"],
        way_out: "outgoing HTTP goes through gathering-tools, which checks addresses and bounds sizes",
    },
    Boundary {
        libraries: &["argon2", "jsonwebtoken"],
        owners: &["gathering-auth"],
        way_out: "passwords and tokens belong to gathering-auth",
    },
    Boundary {
        libraries: &["minijinja", "daggy"],
        owners: &["gathering-domain"],
        way_out: "expressions and graphs are decided in gathering-domain, which bounds them",
    },
    Boundary {
        libraries: &["croner"],
        owners: &["gathering-domain"],
        way_out: "when something is due is decided in gathering-domain: ask its schedule::times, which bounds the search and knows both sides of a change of clocks",
    },
    Boundary {
        libraries: &["clap", "config", "indicatif"],
        owners: &["gathering-server", "xtask"],
        way_out: "settings are read and progress is drawn by a binary, which passes plain values down",
    },
    Boundary {
        libraries: &["nix"],
        owners: &["gathering-embedded-postgres", "gathering-server", "gathering-testkit"],
        way_out: "processes and signals belong to the binary and to the embedded cluster",
    },
    Boundary {
        libraries: &["utoipa"],
        owners: &[
            "gathering-auth",
            "gathering-domain",
            "gathering-pipeline",
            "gathering",
            "gathering-server",
        ],
        way_out: "a type is described where it is serialized, behind the feature `openapi`, or by a struct in the server's http/openapi",
    },
    Boundary {
        libraries: &["redis"],
        owners: &["gathering-server"],
        way_out: "what instances share lives in PostgreSQL; only the binary's rate limits may be counted in a Redis",
    },
    Boundary {
        libraries: &["utoipa-swagger-ui-vendored", "zip"],
        owners: &["gathering-server"],
        way_out: "the pages at /docs are made by the binary's build script",
    },
];

/// The stage.
pub(super) fn stage(context: &Context) -> Outcome {
    let libraries: usize = BOUNDARIES.iter().map(|boundary| boundary.libraries.len()).sum();
    Outcome::of(check(&context.members), format!("{libraries} libraries with owners"))
}

/// Every use of a library by a crate that does not own it. Tests may use what they like.
fn check(members: &[Package]) -> Vec<Finding> {
    members.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let used = package.dependencies.iter().filter(|edge| edge.kind != Kind::Dev);
    used.filter_map(|edge| broken(&package.name, &edge.name)).collect()
}

fn broken(package: &str, library: &str) -> Option<Finding> {
    let boundary = BOUNDARIES
        .iter()
        .find(|boundary| boundary.libraries.contains(&library))?;
    if boundary.owners.contains(&package) {
        return None;
    }
    let owners = joined(boundary.owners);
    let problem = format!("{package} uses {library}, which belongs to {owners}");
    Some(Finding::new(
        RULE,
        format!("crate {package}, Cargo.toml"),
        problem,
        boundary.way_out,
    ))
}

fn joined(names: &[&str]) -> String {
    match names {
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
        [] => "nobody".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::check;
    use crate::context::Context;
    use crate::metadata::{Dependency, Kind, Package};

    #[test]
    fn this_workspace_keeps_its_owners() {
        let context = Context::load().unwrap();
        assert_eq!(check(&context.members), []);
    }

    #[test]
    fn the_owner_may_use_its_library() {
        assert!(check(&[user("gathering-persistence", "tokio-postgres", Kind::Normal)]).is_empty());
    }

    #[test]
    fn another_crate_is_told_where_the_boundary_is() {
        let findings = check(&[user("gathering-pipeline", "tokio-postgres", Kind::Normal)]);
        let problem =
            "gathering-pipeline uses tokio-postgres, which belongs to gathering-persistence and gathering-testkit";
        assert_eq!(findings[0].problem, problem);
        assert!(findings[0].way_out.contains("add a function there"));
    }

    #[test]
    fn tests_may_use_any_library() {
        assert!(check(&[user("gathering-embedded-postgres", "tokio-postgres", Kind::Dev)]).is_empty());
    }

    fn user(name: &str, library: &str, kind: Kind) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: None,
            manifest_path: PathBuf::from("Cargo.toml"),
            dependencies: vec![Dependency {
                name: library.to_owned(),
                kind,
                path: None,
            }],
        }
    }
}
