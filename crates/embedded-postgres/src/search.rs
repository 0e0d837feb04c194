//! Finds PostgreSQL's programs on this machine.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Binaries, Error};

/// Where distributions put the programs: a directory, the start of a name in it, and the rest of the path.
const DISTRIBUTIONS: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// How deep below a cached package its `bin` directory may be.
const CACHE_DEPTH: usize = 5;

/// Most entries of one directory that are looked at.
const MOST_ENTRIES: usize = 1_000;

/// The PostgreSQL programs to use: those in `PG_BIN_DIR` if it is set; else the distribution's, highest version first; else
/// those in a directory of `PATH`; else those that `pg_config` names; else a package that `cargo xtask setup` unpacked.
pub fn find_binaries() -> Result<Binaries, Error> {
    installed(&Places::of_this_machine()).map(|mut found| found.swap_remove(0))
}

/// All usable programs on this machine, the preferred first; never empty.
pub(crate) fn all_binaries() -> Result<Vec<Binaries>, Error> {
    installed(&Places::of_this_machine())
}

/// The places where programs may be.
#[derive(Debug, Default)]
struct Places {
    /// Named by the operator: then no other counts.
    named: Option<PathBuf>,
    /// The distribution's directories, in any order.
    distribution: Vec<PathBuf>,
    /// The directories of `PATH` that hold both `postgres` and `initdb`.
    path: Vec<PathBuf>,
    /// What `pg_config` says.
    pg_config: Option<PathBuf>,
    /// Directories that hold unpacked packages.
    caches: Vec<PathBuf>,
}

impl Places {
    fn of_this_machine() -> Self {
        if let Some(dir) = variable("PG_BIN_DIR") {
            return Self {
                named: Some(dir.into()),
                ..Self::default()
            };
        }
        Self {
            named: None,
            distribution: DISTRIBUTIONS
                .iter()
                .flat_map(|(dir, prefix, rest)| versioned(dir, prefix, rest))
                .collect(),
            path: servers_in(&variable("PATH").unwrap_or_default()),
            pg_config: ask_pg_config(),
            caches: caches(),
        }
    }
}

fn installed(places: &Places) -> Result<Vec<Binaries>, Error> {
    if let Some(dir) = &places.named {
        return Binaries::at(dir).map(|found| vec![found]);
    }
    let mut looked_in = Vec::new();
    let mut found = highest_first(usable(&places.distribution, &mut looked_in));
    found.extend(usable(&places.path, &mut looked_in));
    found.extend(usable(places.pg_config.as_slice(), &mut looked_in));
    for cache in &places.caches {
        let packages = versioned(cache, "postgresql-", "").filter_map(|package| bin_below(&package, CACHE_DEPTH));
        found.extend(highest_first(usable(&packages.collect::<Vec<_>>(), &mut looked_in)));
    }
    if found.is_empty() {
        looked_in.extend(absent(places));
        return Err(Error::NoBinaries { looked_in });
    }
    Ok(found)
}

fn usable(dirs: &[PathBuf], looked_in: &mut Vec<String>) -> Vec<Binaries> {
    let mut found = Vec::new();
    for dir in dirs {
        match Binaries::in_dir(dir) {
            Ok(binaries) => found.push(binaries),
            Err(problem) => looked_in.push(format!("{} ({problem})", dir.display())),
        }
    }
    found
}

fn highest_first(mut found: Vec<Binaries>) -> Vec<Binaries> {
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major()));
    found
}

/// Names the places that hold nothing at all, for the error.
fn absent(places: &Places) -> Vec<String> {
    let mut absent = Vec::new();
    if places.distribution.is_empty() {
        absent.push("/usr/lib/postgresql/*/bin (empty)".to_owned());
    }
    if places.path.is_empty() {
        absent.push("PATH (no directory with both)".to_owned());
    }
    if places.pg_config.is_none() {
        absent.push("`pg_config --bindir` (no pg_config in PATH)".to_owned());
    }
    absent.extend(
        places
            .caches
            .iter()
            .map(|cache| format!("{}/postgresql-* (no package)", cache.display())),
    );
    absent
}

/// The directories `dir`/`prefix`*/`rest`.
fn versioned(dir: impl AsRef<Path>, prefix: &str, rest: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_ENTRIES);
    entries
        .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(move |entry| {
            if rest.is_empty() {
                entry.path()
            } else {
                entry.path().join(rest)
            }
        })
        .filter(|dir| dir.is_dir())
}

/// The directory `bin` with PostgreSQL's programs somewhere below `dir`.
fn bin_below(dir: &Path, depth: usize) -> Option<PathBuf> {
    let bin = dir.join("bin");
    if bin.join("postgres").is_file() {
        return Some(bin);
    }
    if depth == 0 {
        return None;
    }
    versioned(dir, "", "").find_map(|below| bin_below(&below, depth - 1))
}

/// The directories of a search path that hold both programs, as where a distribution puts them beside all others. A relative one
/// is passed over: what it holds depends on where this process was started.
fn servers_in(path: &OsStr) -> Vec<PathBuf> {
    let holds = |dir: &Path, program| dir.join(program).is_file();
    std::env::split_paths(path)
        .take(MOST_ENTRIES)
        .filter(|dir| dir.is_absolute() && holds(dir, "postgres") && holds(dir, "initdb"))
        .collect()
}

fn ask_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let dir = String::from_utf8(output.stdout).ok()?;
    (!dir.trim().is_empty()).then(|| PathBuf::from(dir.trim()))
}

/// The user's cache first; then the machine's, which the account that runs PostgreSQL for root can reach.
fn caches() -> Vec<PathBuf> {
    let of_user = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .map(|cache| cache.join("gathering"));
    of_user
        .into_iter()
        .chain([PathBuf::from("/var/cache/gathering")])
        .collect()
}

/// An environment variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory of its own, removed when dropped.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("gathering-search-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        /// Makes `path` a directory with a `postgres` that claims to be of `version`.
        fn postgres(&self, path: &str, version: &str) -> PathBuf {
            let dir = self.0.join(path);
            fs::create_dir_all(&dir).unwrap();
            for program in ["postgres", "initdb"] {
                let file = dir.join(program);
                fs::write(&file, format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            }
            dir
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn majors(places: &Places) -> Vec<u32> {
        installed(places).unwrap().iter().map(Binaries::major).collect()
    }

    #[test]
    fn the_highest_version_of_the_distribution_comes_first_and_a_cached_package_last() {
        let scratch = Scratch::new("order");
        let distribution = vec![scratch.postgres("15/bin", "15.4"), scratch.postgres("17/bin", "17.1")];
        scratch.postgres("cache/postgresql-18.6.3/some/where/bin", "18.6");
        let places = Places {
            distribution,
            path: vec![scratch.postgres("usr/bin", "16.9")],
            pg_config: Some(scratch.postgres("config", "15.2")),
            caches: vec![scratch.0.join("cache")],
            ..Places::default()
        };
        assert_eq!(majors(&places), [17, 15, 16, 15, 18]);
    }

    #[test]
    fn a_directory_of_path_counts_when_it_is_absolute_and_holds_both_programs() {
        let scratch = Scratch::new("path");
        let client = scratch.postgres("client", "17.1");
        fs::remove_file(client.join("initdb")).unwrap();
        let server = scratch.postgres("server", "17.1");
        let path = std::env::join_paths([&client, Path::new("relative"), &server]).unwrap();
        assert_eq!(servers_in(&path), [server]);
        assert_eq!(servers_in(OsStr::new("")), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_directory_that_the_operator_names_is_used_or_refused_but_never_passed_over() {
        let scratch = Scratch::new("named");
        let good = scratch.postgres("17", "17.1");
        let named = |dir: PathBuf| Places {
            named: Some(dir),
            distribution: vec![good.clone()],
            ..Places::default()
        };
        assert_eq!(majors(&named(scratch.postgres("16", "16.1"))), [16]);
        let error = installed(&named(scratch.0.join("nothing"))).unwrap_err();
        assert!(error.to_string().contains("`postgres` is missing"), "{error}");
    }

    #[test]
    fn where_nothing_fits_the_error_names_every_place_and_the_command_that_helps() {
        let scratch = Scratch::new("none");
        let places = Places {
            distribution: vec![scratch.postgres("14", "14.9")],
            ..Places::default()
        };
        let error = installed(&places).unwrap_err().to_string();
        for part in [
            "it is version 14, and 15 or later is needed",
            "PATH (no directory with both)",
            "no pg_config in PATH",
            "cargo xtask setup",
            "PG_BIN_DIR",
        ] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }
}
