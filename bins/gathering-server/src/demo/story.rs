//! What happens in the demo, step by step.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::corpus::ENOUGH_LINES;
use super::error::Error;
use super::proof::Facts;
use super::run::{Entry, Run};
use super::server::Server;
use super::{PIPELINE, Play};

/// How often the run is looked at.
const POLL: Duration = Duration::from_millis(80);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long things are left as they are, for those who watch.
const PAUSE: Duration = Duration::from_millis(900);

/// Plays it from the first server to the end of the run.
pub(super) async fn tell(play: &mut Play) -> Result<Facts, Error> {
    let client = open(play).await?;
    let id = start(play, &client).await?;
    let (before, journal_before) = until_in_flight(play, &client, &id).await?;
    kill(play, &before).await?;
    let client = open_again(play).await?;
    let run = until_ended(play, &client, &id).await?;
    let journal = client.journal(&id).await?;
    Ok(Facts {
        id,
        before,
        journal_before,
        run,
        journal,
        keys: play.endpoint.keys(),
    })
}

/// A server on a new database, and a user on it.
async fn open(play: &mut Play) -> Result<Client, Error> {
    play.screen.doing("starting a server, with a PostgreSQL of its own");
    let base = serve(play).await?;
    let pid = pid(play);
    play.screen
        .done("server", &format!("process {pid} on {base}, with its own PostgreSQL"));
    let mut client = Client::new(base, play.folder.log())?;
    client.register(&play.account).await?;
    client.log_on(&play.account).await?;
    play.screen
        .done("user", &format!("{} registered and logged on", play.account.email));
    Ok(client)
}

/// The pipeline, saved and run.
async fn start(play: &mut Play, client: &Client) -> Result<String, Error> {
    let definition: Value = serde_json::from_str(PIPELINE).map_err(|error| Error::System {
        action: "read its own pipeline",
        source: error.into(),
    })?;
    let count = |field: &str| definition[field].as_array().map_or(0, Vec::len);
    let (nodes, edges) = (count("nodes"), count("edges"));
    play.folder.write_pipeline(PIPELINE)?;
    let pipeline = client
        .save(&json!({ "name": "count this folder", "definition": definition }))
        .await?;
    play.screen.done(
        "pipeline",
        &format!("\"count this folder\" saved: {nodes} nodes, {edges} edges"),
    );
    let input = json!({ "endpoint": play.endpoint.url(), "deep_from": ENOUGH_LINES });
    let id = client.start(&pipeline, &input).await?;
    play.screen.done("run", &format!("{id} started"));
    Ok(id)
}

/// Until some of the counting is done, and the rest has reached the endpoint and waits for its answer.
async fn until_in_flight(play: &mut Play, client: &Client, id: &str) -> Result<(Run, Vec<Entry>), Error> {
    play.screen
        .doing("the run is on its way; its server will be killed while nodes are in flight");
    watch(play, client, id, "for nodes in flight", |run, keys| {
        let counts = || run.nodes.iter().filter(|node| node.id.starts_with("count_"));
        let asked = |node: &str| keys.iter().any(|key| key.strip_prefix(id) == Some(&format!("/{node}")));
        let done = counts().filter(|node| node.is_completed()).count();
        let waiting = counts().filter(|node| !node.is_completed());
        done >= 2
            && waiting.clone().count() > 0
            && waiting.clone().all(|node| node.status == "running" && asked(&node.id))
    })
    .await?;
    // Nothing can change meanwhile: those that are left do not get their first answer for a long time.
    during(play, sleep(PAUSE)).await;
    Ok((client.run(id).await?, client.journal(id).await?))
}

/// SIGKILL, while everybody can see what is in flight.
async fn kill(play: &mut Play, before: &Run) -> Result<(), Error> {
    let Some(server) = play.server.take() else {
        return Ok(());
    };
    let pid = server.pid();
    server.kill().await?;
    let in_flight: Vec<_> = before.in_flight().map(|node| node.id.as_str()).collect();
    play.screen.server_is(false);
    play.screen.struck(
        "kill -9",
        &format!("process {pid} killed; in flight: {}", in_flight.join(", ")),
    );
    play.screen
        .doing("no server is there now: the run waits, as its journal in the database has it");
    during(play, sleep(PAUSE)).await;
    Ok(())
}

/// A second server on the same database.
async fn open_again(play: &mut Play) -> Result<Client, Error> {
    play.screen.doing("starting a server again, on the same database");
    let base = serve(play).await?;
    let pid = pid(play);
    play.screen
        .done("server", &format!("restarted as process {pid}, on the same database"));
    let mut client = Client::new(base, play.folder.log())?;
    client.log_on(&play.account).await?;
    play.screen.done("user", "logged on again, with the same password");
    Ok(client)
}

async fn until_ended(play: &mut Play, client: &Client, id: &str) -> Result<Run, Error> {
    play.screen
        .doing("the new server looks for runs whose server has died, and takes them over");
    // The first look still shows the dead process's nodes, until the new one has taken them over.
    watch(
        play,
        client,
        id,
        "for the other server to take the run over",
        |_, keys| {
            let twice = |key: &String| keys.iter().filter(|other| *other == key).count() > 1;
            keys.iter().any(twice)
        },
    )
    .await?;
    play.screen.server_is(true);
    play.screen
        .doing("the run goes on where its journal ended; what was in flight is asked again");
    let run = watch(play, client, id, "for the run to end", |run, _| run.has_ended()).await?;
    play.screen.done("run", &format!("{id} {}", run.status));
    Ok(run)
}

/// Draws the run until what is waited for is there.
async fn watch(
    play: &mut Play,
    client: &Client,
    id: &str,
    until: &'static str,
    there: impl Fn(&Run, &[String]) -> bool,
) -> Result<Run, Error> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let run = client.run(id).await?;
        play.screen.nodes(&run.nodes);
        if run.has_ended() || there(&run, &play.endpoint.keys()) {
            return Ok(run);
        }
        sleep(POLL).await;
    }
    Err(Error::Stuck {
        until,
        after: PATIENCE,
        log: play.folder.log(),
    })
}

/// Starts a server and waits until it listens. It is in the play from its first moment, so that it is stopped whatever comes.
async fn serve(play: &mut Play) -> Result<String, Error> {
    let Play {
        server,
        folder,
        screen,
        endpoint,
        ..
    } = play;
    let server = server.insert(Server::spawn(folder, endpoint.address())?);
    screen.animate(server.listens(folder)).await
}

async fn during<T>(play: &mut Play, work: impl Future<Output = T>) -> T {
    play.screen.animate(work).await
}

fn pid(play: &Play) -> u32 {
    play.server.as_ref().map_or(0, Server::pid)
}
