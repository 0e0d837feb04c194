//! Pipelines of 1,000 to 10,000 nodes over HTTP: what a node costs must not depend on how many others there are.

use std::pin::Pin;
use std::time::{Duration, Instant};

use gathering_testkit::definitions::{pure_chain, pure_fan, pure_layers};
use gathering_testkit::{Client, Server, ServerOptions};
use serde_json::{Value, json};

use crate::database::Database;
use crate::memory::{peak, resident, server_binary};
use crate::report::Report;

const SIZES: [usize; 4] = [1_000, 2_000, 5_000, 10_000];

type Shape = (&'static str, fn(usize) -> Value);

/// A chain, a fan with its join, and layers in which every node reads several of the layer before.
const SHAPES: [Shape; 3] = [("chain", pure_chain), ("fan", pure_fan), ("layers", pure_layers)];

/// Saves, runs and shows pipelines of growing size; each time with what a node of it took.
pub(crate) fn linear<'a>(database: &'a mut Database, report: &'a mut Report) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        for (name, shape) in SHAPES {
            for nodes in SIZES {
                let (_pool, url) = database.fresh_with_url().await;
                let server = Server::spawn(&ServerOptions::new(server_binary()).database_url(&url)).await;
                let client = server.register_and_login("ada@example.org").await;
                // Statements are prepared, and the file of the program is in memory.
                took(&client, &shape(10)).await;
                let before = resident(server.pid());
                let times = took(&client, &shape(nodes)).await;
                let memory = peak(server.pid()) - before;
                report.add(
                    &format!("{name} of {nodes}: save, run, show, journal"),
                    times.map(|time| format!("{:.0}", time.as_secs_f64() * 1e3)).join(" + ") + " ms",
                    "linear",
                    times
                        .map(|time| format!("{:.0}", time.as_secs_f64() * 1e6 / nodes as f64))
                        .join(" + ")
                        + &format!(" us, {:.1} KiB a node", memory * 1024.0 / nodes as f64),
                );
            }
        }
    })
}

/// The times to save, to run from the start to the end, to show with all nodes, and to read the journal page by page.
async fn took(client: &Client, definition: &Value) -> [Duration; 4] {
    let begun = Instant::now();
    let made = client
        .post("/api/v1/pipelines", &json!({"name": "large", "definition": definition}))
        .await;
    let saved = begun.elapsed();
    assert_eq!(made.status, 201, "{made:?}");
    let pipeline = made.json["id"].as_str().unwrap();
    let begun = Instant::now();
    let started = client
        .post(
            &format!("/api/v1/pipelines/{pipeline}/runs"),
            &json!({"input": {"value": 1}}),
        )
        .await;
    let run = format!("/api/v1/runs/{}", started.json["id"].as_str().unwrap());
    ended(client, pipeline).await;
    let ran = begun.elapsed();
    let begun = Instant::now();
    let shown = client.get(&run).await;
    let showed = begun.elapsed();
    assert_eq!(shown.json["status"], "completed", "{}", shown.json["error"]);
    let begun = Instant::now();
    let mut page = format!("{run}/journal?limit=100");
    loop {
        let journal = client.get(&page).await;
        let Some(next) = journal.json["next_cursor"].as_str() else {
            break;
        };
        page = format!("{run}/journal?limit=100&cursor={next}");
    }
    [saved, ran, showed, begun.elapsed()]
}

/// Asks the list, in which a run costs the same whatever its size.
async fn ended(client: &Client, pipeline: &str) {
    loop {
        let runs = client
            .get(&format!("/api/v1/runs?pipeline_id={pipeline}&limit=1"))
            .await;
        if runs.json["items"][0]["finished_at"].is_string() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
