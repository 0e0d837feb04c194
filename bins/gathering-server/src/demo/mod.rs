//! `gathering demo`: a real pipeline on a real PostgreSQL, whose server is killed half-way, and which finishes all the same.

mod account;
mod client;
mod corpus;
mod ending;
mod endpoint;
mod error;
mod folder;
mod proof;
mod run;
mod screen;
mod server;
mod story;

use std::path::{Path, PathBuf};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use self::account::{Account, random_hex};
use self::corpus::Corpus;
use self::endpoint::Endpoint;
pub(crate) use self::error::Error;
use self::folder::Folder;
use self::proof::Facts;
use self::screen::{Screen, show};
use self::server::Server;

/// The pipeline that the demo runs.
const PIPELINE: &str = include_str!("pipeline.json");

/// The flags of `gathering demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Of the common options, the demo takes --data-dir alone; its server listens on a free port of 127.0.0.1."
)]
pub(crate) struct DemoArgs {
    /// Keep the temporary directory with the database, to look around in it; one named by --data-dir is always kept
    #[arg(long)]
    keep: bool,
}

/// Everything that takes part.
#[derive(Debug)]
struct Play {
    folder: Folder,
    endpoint: Endpoint,
    account: Account,
    /// The server that runs at this moment.
    server: Option<Server>,
    screen: Screen,
}

/// Plays the demo; fails where anything of what it promises does not hold.
pub(crate) async fn run(args: &DemoArgs, data_dir: Option<&Path>) -> Result<(), Error> {
    let mut play = Play::prepare(args, data_dir).await?;
    let told = tokio::select! {
        told = story::tell(&mut play) => told,
        interrupted = interruption() => Err(interrupted),
    };
    play.stop().await;
    let tidied = play.tidy(&told).await;
    play.screen.clear();
    end(&play, &told?).and(tidied)
}

/// Shows the end, and says whether everything held.
fn end(play: &Play, facts: &Facts) -> Result<(), Error> {
    let checks = facts.checks();
    show(&ending::text(play, facts, &checks));
    let broken: Vec<_> = checks
        .into_iter()
        .filter(|check| !check.held)
        .map(|check| check.text)
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(Error::NotHeld {
            broken,
            log: play.folder.log(),
        })
    }
}

impl Play {
    async fn prepare(args: &DemoArgs, data_dir: Option<&Path>) -> Result<Self, Error> {
        let mut screen = Screen::new();
        show(&heading(&screen));
        let folder = Folder::open(data_dir, args.keep, &random_hex::<4>())?;
        let here = std::env::current_dir().map_err(|source| Error::System {
            action: "find its directory",
            source,
        })?;
        let corpus = read(here).await?;
        let found = corpus.listing();
        screen.done(
            "input",
            &format!("{} text files, {} lines: {}", found.files, found.lines, corpus.folder()),
        );
        let endpoint = Endpoint::start(corpus, folder.report(), random_hex::<8>())?;
        Ok(Self {
            folder,
            endpoint,
            account: Account::new(),
            server: None,
            screen,
        })
    }

    /// Stops whatever runs.
    async fn stop(&mut self) {
        self.screen.doing("stopping the server and its PostgreSQL");
        if let Some(server) = self.server.take() {
            self.screen.animate(server.stop()).await;
        }
        self.endpoint.stop().await;
    }

    /// Leaves what somebody may want to look at: the report, after a failure everything, after ^C nothing.
    async fn tidy(&mut self, told: &Result<Facts, Error>) -> Result<(), Error> {
        let folder = self.folder.clone();
        let tidy: fn(&Folder) -> Result<(), Error> = match told {
            Ok(facts) if facts.checks().iter().all(|check| check.held) => Folder::tidy,
            Err(Error::Interrupted) => Folder::remove,
            Ok(_) | Err(_) => return Ok(()),
        };
        self.screen.doing("removing the database");
        let tidying = self.screen.animate(spawn_blocking(move || tidy(&folder))).await;
        tidying.map_err(|error| Error::System {
            action: "remove its database",
            source: error.into(),
        })?
    }
}

fn heading(screen: &Screen) -> String {
    let title = screen.paint().bold("GatheRing: a pipeline that survives kill -9");
    format!("\n  {title}\n  It counts the words of the files around you; half-way, its server is killed.\n\n")
}

async fn read(root: PathBuf) -> Result<Corpus, Error> {
    let reading = spawn_blocking(move || Corpus::read(&root)).await;
    reading.map_err(|error| Error::System {
        action: "read the files around it",
        source: error.into(),
    })
}

/// Waits until the user, or the system, wants the demo to end.
async fn interruption() -> Error {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [interrupt, terminate, hangup] = kinds.map(signal);
    match (interrupt, terminate, hangup) {
        (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            Error::Interrupted
        }
        (Err(source), ..) | (_, Err(source), _) | (.., Err(source)) => Error::System {
            action: "listen to signals",
            source,
        },
    }
}
