//! Where PostgreSQL's binaries are looked for, in the order the server uses.

use std::path::{Path, PathBuf};

use crate::process;

/// The oldest major version that the migrations run on.
pub(super) const LOWEST_MAJOR: u32 = 15;

/// Folders of distributions: parent, start of the versioned name.
const DISTRIBUTIONS: [(&str, &str); 2] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];

/// The places of one machine, so that the search is a function of them.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The user's own choice; nothing else is looked at when it is set.
    pub(super) pg_bin_dir: Option<PathBuf>,
    /// Where distributions keep one folder per version: parent, start of the versioned name.
    pub(super) distributions: Vec<(PathBuf, String)>,
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
                .map(|(parent, start)| (parent.into(), start.to_owned()))
                .into(),
            pg_config: pg_config(),
            caches: caches(root, variable("XDG_CACHE_HOME"), variable("HOME")),
            root,
        }
    }

    /// The places as people read them, one line each.
    pub(super) fn described(&self) -> Vec<String> {
        let distributions = self.distributions.iter();
        let mut lines: Vec<String> = distributions
            .map(|(parent, start)| format!("{}/{start}*/bin", parent.display()))
            .collect();
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
pub(super) fn find(
    places: &Places,
    major_of: fn(&Path) -> Option<u32>,
) -> Result<Option<Binaries>, String> {
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
    let mut distribution: Vec<(u32, PathBuf)> = places
        .distributions
        .iter()
        .flat_map(|(parent, start)| versions_in(parent, start))
        .collect();
    distribution.sort_by(|left, right| right.cmp(left));
    let mut folders: Vec<PathBuf> = distribution.into_iter().map(|(_, folder)| folder).collect();
    folders.extend(places.pg_config.clone());
    for cache in &places.caches {
        let mut cached = versions_in(cache, "postgresql-");
        cached.sort_by(|left, right| right.cmp(left));
        folders.extend(cached.into_iter().map(|(_, folder)| folder));
    }
    folders
}

/// The `bin` folders of the versions in one parent, in no order.
fn versions_in(parent: &Path, start: &str) -> Vec<(u32, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let versioned = entries.filter_map(Result::ok).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some((
            leading_number(name.strip_prefix(start)?)?,
            entry.path().join("bin"),
        ))
    });
    versioned.collect()
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

fn pg_config() -> Option<PathBuf> {
    let answer = process::capture("pg_config", &["--bindir"]).ok()?;
    Some(PathBuf::from(answer.trim())).filter(|folder| folder.is_absolute())
}

/// Root runs PostgreSQL as another user, who cannot reach root's home: its packages lie where everybody can read.
fn caches(root: bool, xdg_cache: Option<PathBuf>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let of_user = home.map(|home| home.join(".cache"));
    let folders = match xdg_cache {
        Some(chosen) => vec![Some(chosen)],
        None if root => vec![Some(PathBuf::from("/var/cache")), of_user],
        None => vec![of_user],
    };
    folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join("gathering"))
        .collect()
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
