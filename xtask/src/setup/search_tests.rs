//! The search, over made-up machines: a fake `postgres` is a file that holds its major version.

use std::path::{Path, PathBuf};

use super::{Binaries, Places, Versions, caches, find, servers_in};

struct Machine(PathBuf);

impl Machine {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("xtask-search-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn has(&self, folder: &str, major: u32) -> PathBuf {
        let folder = self.0.join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("postgres"), major.to_string()).unwrap();
        std::fs::write(folder.join("initdb"), "").unwrap();
        folder
    }

    fn places(&self) -> Places {
        Places {
            distributions: vec![Versions {
                parent: self.0.join("lib"),
                start: "",
                programs: "bin",
            }],
            caches: vec![self.0.join("cache")],
            ..Places::default()
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn written_major(folder: &Path) -> Option<u32> {
    std::fs::read_to_string(folder.join("postgres")).ok()?.parse().ok()
}

fn found(places: &Places) -> Option<Binaries> {
    find(places, written_major).unwrap()
}

#[test]
fn the_highest_version_of_the_distribution_comes_first() {
    let machine = Machine::new("highest");
    machine.has("lib/9/bin", 9);
    machine.has("lib/15/bin", 15);
    let folder = machine.has("lib/17/bin", 17);
    machine.has("cache/postgresql-18.6.3/bin", 18);
    assert_eq!(found(&machine.places()), Some(Binaries { folder, major: 17 }));
}

#[test]
fn a_version_that_is_too_old_is_passed_over() {
    let machine = Machine::new("old");
    machine.has("lib/14/bin", 14);
    assert_eq!(found(&machine.places()), None);
    let folder = machine.has("cache/postgresql-18.6.3/bin", 18);
    assert_eq!(found(&machine.places()), Some(Binaries { folder, major: 18 }));
}

#[test]
fn a_client_package_without_initdb_is_no_server() {
    let machine = Machine::new("client");
    let folder = machine.has("lib/16/bin", 16);
    std::fs::remove_file(folder.join("initdb")).unwrap();
    assert_eq!(found(&machine.places()), None);
}

#[test]
fn a_package_that_is_still_being_unpacked_is_not_found() {
    let machine = Machine::new("half");
    machine.has("cache/.new-postgresql-18.6.3/bin", 18);
    assert_eq!(found(&machine.places()), None);
}

#[test]
fn a_server_in_path_comes_after_the_distribution_and_before_the_cache() {
    let machine = Machine::new("path");
    machine.has("cache/postgresql-18.6.3/bin", 18);
    let folder = machine.has("usr/bin", 16);
    let client = machine.has("client", 17);
    std::fs::remove_file(client.join("initdb")).unwrap();
    let path = std::env::join_paths([client.as_path(), Path::new("relative"), &folder]).unwrap();
    let places = Places {
        path: servers_in(&path),
        ..machine.places()
    };
    assert_eq!(places.path, std::slice::from_ref(&folder));
    assert!(places.described().iter().any(|line| line.contains("PATH")));
    assert_eq!(found(&places), Some(Binaries { folder, major: 16 }));
    let folder = machine.has("lib/15/bin", 15);
    assert_eq!(found(&places), Some(Binaries { folder, major: 15 }));
}

#[test]
fn pg_config_comes_after_the_distribution_and_before_the_cache() {
    let machine = Machine::new("config");
    machine.has("cache/postgresql-18.6.3/bin", 18);
    let folder = machine.has("opt/bin", 16);
    let places = Places {
        pg_config: Some(folder.clone()),
        ..machine.places()
    };
    assert_eq!(found(&places), Some(Binaries { folder, major: 16 }));
}

#[test]
fn a_wrong_pg_bin_dir_is_refused_even_when_another_place_would_do() {
    let machine = Machine::new("chosen");
    machine.has("lib/17/bin", 17);
    let places = Places {
        pg_bin_dir: Some(machine.0.join("nowhere")),
        ..machine.places()
    };
    let refusal = find(&places, written_major).unwrap_err();
    assert!(
        refusal.contains("PG_BIN_DIR") && refusal.contains("unset it"),
        "{refusal}"
    );
}

#[test]
fn root_keeps_packages_where_the_user_of_postgresql_can_read_them() {
    let written = |root, xdg_cache: Option<&str>| {
        let home = Some(PathBuf::from("/house"));
        caches(root, xdg_cache.map(PathBuf::from), home).remove(0)
    };
    assert_eq!(written(true, None), Path::new("/var/cache/gathering"));
    assert_eq!(written(false, None), Path::new("/house/.cache/gathering"));
    assert_eq!(written(true, Some("/elsewhere")), Path::new("/elsewhere/gathering"));
}
