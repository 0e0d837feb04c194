//! Crates that must not be in the tree at all, however they got there, and the one PostgreSQL driver.

use serde::Deserialize;

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;
use super::stage::Outcome;
use super::table::counted;

const RULE: &str = "banned";
const LOCK: &str = "Cargo.lock";

/// Names, a star for any ending, each with what to use instead.
const BANNED: [(&[&str], &str); 6] = [
    (
        &["openssl", "openssl-sys", "openssl-macros", "native-tls"],
        "TLS is rustls with ring: switch off the crate's default features",
    ),
    (
        &["aws-lc*"],
        "cryptography is ring, one implementation and a quick build: switch off the crate's default features",
    ),
    (
        &["chrono", "chrono-tz"],
        "time is jiff, which gets zones and DST right: look for a jiff feature",
    ),
    (
        &["sqlx*", "diesel*", "sea-orm*", "postgres", "pq-sys", "libpq-sys"],
        "one PostgreSQL driver (DBLR-01, DBLR-02): tokio-postgres, in gathering-persistence",
    ),
    (
        &["rsa"],
        "it has an open advisory on timing; tokens are signed with Ed25519 on ring",
    ),
    (
        &["actix-governor"],
        "it is GPL-3.0-or-later; use governor, docs/adr/0001-governor-for-rate-limits.md says why",
    ),
];

/// Crates of which a second version would be a second driver.
const ONCE: [&str; 2] = ["tokio-postgres", "deadpool-postgres"];

#[derive(Debug, Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
    /// Each as `name`, or as `name version` where the name alone would not do.
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The stage. It reads the lock file, which has every platform's crates and needs no network.
pub(super) fn stage(context: &Context) -> Result<Outcome, Error> {
    let lock = parse(&context.read(LOCK)?)?;
    Ok(Outcome::of(check(&lock), counted(lock.package.len(), "locked package")))
}

fn parse(text: &str) -> Result<Lock, Error> {
    toml::from_str(text).map_err(|source| Error::Format {
        what: LOCK.to_owned(),
        source: source.into(),
    })
}

fn check(lock: &Lock) -> Vec<Finding> {
    let banned = lock
        .package
        .iter()
        .filter_map(|package| Some((package, way_out(&package.name)?)));
    let findings = banned.map(|(package, way_out)| {
        let users = users(lock, &package.name).join(", ");
        let problem = format!(
            "{} {} is in the tree, brought in by {users}",
            package.name, package.version
        );
        Finding::new(RULE, LOCK, problem, way_out)
    });
    findings
        .chain(ONCE.iter().filter_map(|name| doubled(lock, name)))
        .collect()
}

fn way_out(name: &str) -> Option<&'static str> {
    BANNED
        .iter()
        .find(|(patterns, _)| patterns.iter().any(|pattern| matches(pattern, name)))
        .map(|(_, way_out)| *way_out)
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |start| name.starts_with(start))
}

fn doubled(lock: &Lock, name: &str) -> Option<Finding> {
    let versions: Vec<&str> = lock
        .package
        .iter()
        .filter(|package| package.name == name)
        .map(|package| package.version.as_str())
        .collect();
    (versions.len() > 1).then(|| {
        let problem = format!(
            "{name} is in the tree in {} versions: {}",
            versions.len(),
            versions.join(", ")
        );
        Finding::new(
            RULE,
            LOCK,
            problem,
            format!("bring the users to one version: cargo tree --duplicates --invert {name}"),
        )
    })
}

fn users<'a>(lock: &'a Lock, name: &str) -> Vec<&'a str> {
    let uses = |package: &&Locked| {
        package
            .dependencies
            .iter()
            .any(|used| used.split(' ').next() == Some(name))
    };
    lock.package
        .iter()
        .filter(uses)
        .map(|package| package.name.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{check, parse};

    fn problems(lock: &str) -> Vec<String> {
        check(&parse(lock).unwrap())
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn a_banned_crate_is_named_with_who_brought_it_in() {
        let lock = r#"
            [[package]]
            name = "handy"
            version = "1.0.0"
            dependencies = ["sqlx-core 0.9.0"]
            [[package]]
            name = "sqlx-core"
            version = "0.9.0"
        "#;
        assert_eq!(problems(lock), ["sqlx-core 0.9.0 is in the tree, brought in by handy"]);
    }

    #[test]
    fn a_finder_of_certificates_is_no_tls_library() {
        let lock = "[[package]]\nname = \"openssl-probe\"\nversion = \"0.2.2\"";
        assert_eq!(problems(lock), [""; 0]);
    }

    #[test]
    fn a_second_version_of_the_driver_is_a_second_driver() {
        let one = |version| format!("[[package]]\nname = \"tokio-postgres\"\nversion = \"{version}\"\n");
        assert_eq!(problems(&one("0.7.18")), [""; 0]);
        let both = one("0.7.18") + &one("0.8.0");
        assert_eq!(
            problems(&both),
            ["tokio-postgres is in the tree in 2 versions: 0.7.18, 0.8.0"]
        );
    }
}
