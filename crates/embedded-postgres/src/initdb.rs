//! Makes a new cluster, complete or not at all.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::command::{command, run};
use crate::deadline::Deadline;
use crate::error::while_trying;
use crate::home::Home;
use crate::{Binaries, Durability, Error, Options, log};

/// The superuser of the cluster.
pub(crate) const ADMIN: &str = "postgres";
/// The role that the product uses, and its database.
pub(crate) const OWNER: &str = "gathering";

/// What a cluster under construction is called; nothing else starts so.
const UNDER_CONSTRUCTION: &str = "data.new-";

/// One statement a line, as single-user PostgreSQL reads them.
const ROLE_AND_DATABASE: &str = "CREATE ROLE gathering LOGIN;\nCREATE DATABASE gathering OWNER gathering;\n";

/// The major version that made the data, where there are data.
pub(crate) fn major(data: &Path) -> Result<Option<u32>, Error> {
    let not_a_cluster = || Error::NotACluster {
        dir: data.to_path_buf(),
    };
    match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(version) => version
            .trim()
            .parse()
            .map(Some)
            .map_err(|_not_a_number| not_a_cluster()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !data.exists() => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(not_a_cluster()),
        Err(error) => Err(while_trying("read the version of", data)(error)),
    }
}

/// Makes the cluster of `home`, with its role and database. It grows in a directory of its own, and gets its name when it
/// is complete, so that an interrupted initdb is never taken for a cluster. Only for the holder of the lock.
pub(crate) fn create(home: &Home, binaries: &Binaries, options: &Options) -> Result<(), Error> {
    remove_unfinished(home)?;
    let site = Site {
        home,
        binaries,
        dir: home.dir().join(format!("{UNDER_CONSTRUCTION}{}", std::process::id())),
        log: log::open(home)?.0,
        durability: options.durability,
        deadline: Deadline::after(options.start_timeout),
    };
    home.private_dir(&site.dir)?;
    site.initdb()?;
    site.create_role_and_database()?;
    site.put_into_place()
}

/// A cluster under construction.
struct Site<'a> {
    home: &'a Home,
    binaries: &'a Binaries,
    dir: PathBuf,
    log: File,
    durability: Durability,
    deadline: Deadline,
}

impl Site<'_> {
    fn initdb(&self) -> Result<(), Error> {
        let mut initdb = self.command("initdb")?;
        initdb
            .arg("-D")
            .arg(&self.dir)
            .args(["--username", ADMIN, "--encoding", "UTF8"]);
        // Names and JSON keys sort by their bytes on every machine; letters have upper and lower case in every script.
        initdb.args(["--locale", "C.UTF-8", "--lc-collate", "C", "--no-instructions"]);
        // Whoever can enter the socket's directory is let in; nobody comes in over a network.
        initdb.args(["--auth-local", "trust", "--auth-host", "reject"]);
        if self.durability == Durability::Off {
            initdb.arg("--no-sync");
        }
        run(initdb, "initdb", "", self.home, self.deadline)
    }

    fn create_role_and_database(&self) -> Result<(), Error> {
        let mut single = self.command("postgres")?;
        single
            .arg("--single")
            .arg("-D")
            .arg(&self.dir)
            .args(["-c", "exit_on_error=on"]);
        if self.durability == Durability::Off {
            single.args(["-c", "fsync=off"]);
        }
        single.arg(ADMIN);
        run(single, "postgres --single", ROLE_AND_DATABASE, self.home, self.deadline)
    }

    fn put_into_place(&self) -> Result<(), Error> {
        fs::rename(&self.dir, self.home.data()).map_err(while_trying("put into place", &self.dir))?;
        let dir = File::open(self.home.dir()).and_then(|dir| dir.sync_all());
        dir.map_err(while_trying("sync", self.home.dir()))
    }

    fn command(&self, program: &str) -> Result<Command, Error> {
        // One killed half-way leaves nothing that counts: no need to let it finish.
        command(
            &self.binaries.program(program),
            self.home.account(),
            &self.log,
            Signal::SIGKILL,
        )
    }
}

fn remove_unfinished(home: &Home) -> Result<(), Error> {
    let entries = fs::read_dir(home.dir()).map_err(while_trying("list", home.dir()))?;
    let unfinished = |name: &OsStr| name.to_string_lossy().starts_with(UNDER_CONSTRUCTION);
    for entry in entries.flatten().filter(|entry| unfinished(&entry.file_name())) {
        fs::remove_dir_all(entry.path()).map_err(while_trying("remove the unfinished", &entry.path()))?;
    }
    Ok(())
}
