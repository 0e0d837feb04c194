//! Where PostgreSQL's binaries are looked for, in the order the server uses.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::process;

/// The oldest major version that the migrations run on.
pub(super) const LOWEST_MAJOR: u32 = 15;

/// Folders of distributions: parent, start of the versioned name, the programs' folder below it. The server's search
/// (crates/embedded-postgres/src/search.rs) has the same list: what is found here must be found there.
const DISTRIBUTIONS: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];
/// Where packages lie that any user of the machine may run.
const SHARED_CACHE: &str = "/var/cache/gathering";

/// One parent folder of a distribution's versions.
#[derive(Debug)]
pub(super) struct Versions {
    pub(super) parent: PathBuf,
    /// What stands before the number in a version's folder.
    pub(super) start: &'static str,
    /// Where its programs are; empty where they stand in the folder itself.
    pub(super) programs: &'static str,
}

/// The places of one machine, so that the search is a function of them.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The user's own choice; nothing else is looked at when it is set.
    pub(super) pg_bin_dir: Option<PathBuf>,
    /// Where distributions keep one folder per version.
    pub(super) distributions: Vec<Versions>,
    /// The folders of PATH that hold both `postgres` and `initdb`, as where a distribution puts them beside all other programs.
    pub(super) path: Vec<PathBuf>,
    /// What `pg_config --bindir` answers.
    pub(super) pg_config: Option<PathBuf>,
    /// Where `cargo xtask setup` keeps packages; the first is the one it writes to.
    pub(super) caches: Vec<PathBuf>,
    /// Whether the distribution's package manager may be used.
    pub(super) root: bool,
}

/// A usable PostgreSQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    /// The folder with `postgres` and `initdb`.
    pub(super) folder: PathBuf,
    /// Its major version.
    pub(super) major: u32,
}

impl Places {
    /// The places of this machine, for root or for an ordinary user.
    pub(super) fn of_this_machine(root: bool) -> Self {
        Self {
            pg_bin_dir: variable("PG_BIN_DIR"),
            distributions: DISTRIBUTIONS
                .map(|(parent, start, programs)| Versions {
                    parent: parent.into(),
                    start,
                    programs,
                })
                .into(),
            path: servers_in(&std::env::var_os("PATH").unwrap_or_default()),
            pg_config: pg_config(),
            caches: caches(root, variable("XDG_CACHE_HOME"), variable("HOME")),
            root,
        }
    }

    /// The places as people read them, one line each.
    pub(super) fn described(&self) -> Vec<String> {
        let distributions = self.distributions.iter();
        let mut lines: Vec<String> = distributions
            .filter(|versions| versions.parent.is_dir())
            .map(
                |Versions {
                     parent,
                     start,
                     programs,
                 }| format!("{}/{start}*/{programs}", parent.display()),
            )
            .collect();
        lines.push("the folders of PATH".to_owned());
        lines.push(match &self.pg_config {
            Some(folder) => format!("{} (`pg_config --bindir`)", folder.display()),
            None => "`pg_config --bindir` (there is no pg_config)".to_owned(),
        });
        lines.extend(
            self.caches
                .iter()
                .map(|cache| format!("{}/postgresql-*/bin", cache.display())),
        );
        lines
    }
}

/// The first usable binaries. `major_of` tells the version of the `postgres` in a folder.
///
/// # Errors
/// The user set `PG_BIN_DIR` to a folder that cannot be used: taking another one silently would hide the mistake.
pub(super) fn find(places: &Places, major_of: fn(&Path) -> Option<u32>) -> Result<Option<Binaries>, String> {
    let usable = |folder: &PathBuf| -> Option<Binaries> {
        let major = major_of(folder).filter(|major| *major >= LOWEST_MAJOR)?;
        folder.join("initdb").is_file().then(|| Binaries {
            folder: folder.clone(),
            major,
        })
    };
    if let Some(chosen) = &places.pg_bin_dir {
        let refusal = || {
            format!(
                "PG_BIN_DIR is {}, which has no `postgres` of version {LOWEST_MAJOR} or newer with its `initdb`: correct it or unset it",
                chosen.display()
            )
        };
        return usable(chosen).map(Some).ok_or_else(refusal);
    }
    Ok(candidates(places).iter().find_map(usable))
}

/// The major version of the `postgres` in a folder, from what it says itself.
pub(super) fn major_version(folder: &Path) -> Option<u32> {
    let program = folder.join("postgres");
    let answer = process::capture(program.to_str()?, &["--version"]).ok()?;
    let version = answer
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    leading_number(version)
}

fn candidates(places: &Places) -> Vec<PathBuf> {
    let mut distribution: Vec<(u32, PathBuf)> = places.distributions.iter().flat_map(versions_in).collect();
    distribution.sort_by(|left, right| right.cmp(left));
    let mut folders: Vec<PathBuf> = distribution.into_iter().map(|(_, folder)| folder).collect();
    folders.extend(places.path.iter().cloned());
    folders.extend(places.pg_config.clone());
    for cache in &places.caches {
        let packages = Versions {
            parent: cache.clone(),
            start: "postgresql-",
            programs: "bin",
        };
        let mut cached = versions_in(&packages);
        cached.sort_by(|left, right| right.cmp(left));
        folders.extend(cached.into_iter().map(|(_, folder)| folder));
    }
    folders
}

/// The programs' folders of the versions in one parent, in no order.
fn versions_in(versions: &Versions) -> Vec<(u32, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(&versions.parent) else {
        return Vec::new();
    };
    let versioned = entries.filter_map(Result::ok).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some((
            leading_number(name.strip_prefix(versions.start)?)?,
            entry.path().join(versions.programs),
        ))
    });
    versioned.collect()
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The absolute folders of a search path that hold both programs: what a relative one holds depends on where one stands.
fn servers_in(path: &OsStr) -> Vec<PathBuf> {
    let holds = |folder: &Path, program| folder.join(program).is_file();
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute() && holds(folder, "postgres") && holds(folder, "initdb"))
        .collect()
}

fn pg_config() -> Option<PathBuf> {
    let answer = process::capture("pg_config", &["--bindir"]).ok()?;
    Some(PathBuf::from(answer.trim())).filter(|folder| folder.is_absolute())
}

/// Both caches, the one to write to first: root runs PostgreSQL as another user, who cannot reach root's home.
fn caches(root: bool, xdg_cache: Option<PathBuf>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let shared = PathBuf::from(SHARED_CACHE);
    let chosen = xdg_cache.is_some();
    let of_user = xdg_cache.or_else(|| home.map(|home| home.join(".cache")));
    match of_user.map(|cache| cache.join("gathering")) {
        Some(of_user) if root && !chosen => vec![shared, of_user],
        Some(of_user) => vec![of_user, shared],
        None => vec![shared],
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
