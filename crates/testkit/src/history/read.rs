//! A history as it stands in a database and in a receiver's log.

use std::collections::BTreeMap;
use std::sync::Arc;

use gathering_domain::RunId;
use serde_json::Value;
use tokio_postgres::{Client, Row};

use super::{Effect, Entry, Head, History, Node, Origin, RunHistory};
use crate::postgres::with_client;
use crate::receiver::{MOST_REQUESTS, Received, Receiver};

/// Most rows that are read from one table: a test that makes more is to look at its runs in parts.
const MOST_ROWS: i64 = 5_000_000;

/// The nodes of each version of each pipeline.
type Definitions = BTreeMap<(String, i32), Arc<[Node]>>;

impl History {
    /// Every run of the database, and every request that the receiver has written down.
    ///
    /// Is to be read when everything has come to rest: a run that is under way is told as lost. A node whose request goes to the receiver, or
    /// may go there because its URL is only known once rendered, is expected to have sent one; without a receiver none is. A request
    /// whose JSON body has `run` and `node` is taken to be of that node, whatever its key is.
    ///
    /// Fails the test where the database cannot be read, or where there is more than can be held.
    pub async fn read(url: &str, receiver: Option<&Receiver>) -> Self {
        let base = receiver.map(|receiver| receiver.url(""));
        let runs = with_client(url, async |client: &Client| runs(client, base.as_deref()).await).await;
        let requests = receiver.map(Receiver::requests).unwrap_or_default();
        assert!(
            requests.len() < MOST_REQUESTS,
            "the receiver's log is full: what came later is not in it"
        );
        Self {
            runs: runs.unwrap_or_else(|error| panic!("could not read the history: {error}")),
            effects: requests.iter().map(Effect::from).collect(),
            told: Vec::new(),
        }
    }
}

impl From<&Received> for Effect {
    fn from(request: &Received) -> Self {
        Self {
            what: format!("{} {}", request.method, request.path),
            key: request.idempotency_key().map(str::to_owned),
            origin: origin(request),
            at: Some(request.received_at),
        }
    }
}

impl Node {
    /// The nodes of a definition. Those send whose requests go to URLs that begin with `base`, or that are only known once rendered.
    pub fn all_of(definition: &Value, base: Option<&str>) -> Vec<Self> {
        let mut after: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for edge in items(definition, "edges") {
            let ends = (edge["from"].as_str(), edge["to"].as_str());
            if let (Some(from), Some(to)) = ends {
                after.entry(to).or_default().push(from.to_owned());
            }
        }
        let node = |node: &Value| {
            let id = node["id"].as_str().unwrap_or_default();
            Self {
                id: id.to_owned(),
                kind: node["type"].as_str().unwrap_or_default().to_owned(),
                joins_any: node["config"]["mode"] == "any",
                sends: base.is_some_and(|base| sends(&node["config"], base)),
                after: after.remove(id).unwrap_or_default(),
            }
        };
        items(definition, "nodes").iter().map(node).collect()
    }
}

fn items<'a>(definition: &'a Value, name: &str) -> &'a [Value] {
    definition[name].as_array().map_or(&[], Vec::as_slice)
}

fn sends(config: &Value, base: &str) -> bool {
    let requests = matches!(config["action"].as_str(), Some("call_api" | "send_notification"));
    let url = config["url"].as_str().unwrap_or_default();
    requests && (url.starts_with(base) || url.starts_with("{{"))
}

fn origin(request: &Received) -> Option<Origin> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    Some(Origin {
        run: body["run"].as_str()?.parse().ok()?,
        node: body["node"].as_str()?.to_owned(),
    })
}

async fn runs(client: &Client, base: Option<&str>) -> Result<Vec<RunHistory>, tokio_postgres::Error> {
    // One snapshot, so that heads and journals are of the same moment.
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await?;
    let definitions = definitions(client, base).await?;
    let heads =
        "SELECT id::text, pipeline_id::text, version, status, epoch, started_at, finished_at FROM runs LIMIT $1";
    let journal = "SELECT run_id::text, seq, epoch, at, kind, node, data FROM run_journal LIMIT $1";
    let mut runs: BTreeMap<RunId, RunHistory> = BTreeMap::new();
    for row in rows(client, heads).await? {
        let run = run_of(&mut runs, &row);
        run.nodes = definitions.get(&(row.get(1), row.get(2))).cloned().unwrap_or_default();
        run.head = Some(Head {
            status: row.get(3),
            epoch: row.get(4),
            started_at: row.get(5),
            finished_at: row.get(6),
        });
    }
    for row in rows(client, journal).await? {
        run_of(&mut runs, &row).entries.push(Entry {
            seq: row.get(1),
            epoch: row.get(2),
            at: row.get(3),
            kind: row.get(4),
            node: row.get(5),
            data: row.get::<_, Option<Value>>(6).unwrap_or_default(),
        });
    }
    Ok(runs.into_values().collect())
}

async fn definitions(client: &Client, base: Option<&str>) -> Result<Definitions, tokio_postgres::Error> {
    let sql = "SELECT pipeline_id::text, version, definition FROM pipeline_versions LIMIT $1";
    let read = |row: &Row| ((row.get(0), row.get(1)), Node::all_of(&row.get(2), base).into());
    Ok(rows(client, sql).await?.iter().map(read).collect())
}

/// What `sql` gives, which takes as its parameter how much that may be.
async fn rows(client: &Client, sql: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
    let rows = client.query(sql, &[&MOST_ROWS]).await?;
    let all = i64::try_from(rows.len()).is_ok_and(|count| count < MOST_ROWS);
    assert!(all, "too much to check at once: {sql} gives {MOST_ROWS} rows or more");
    Ok(rows)
}

/// The run that the first column names.
fn run_of<'a>(runs: &'a mut BTreeMap<RunId, RunHistory>, row: &Row) -> &'a mut RunHistory {
    let id: String = row.get(0);
    let id: RunId = id
        .parse()
        .unwrap_or_else(|error| panic!("{id} is no id of a run: {error}"));
    runs.entry(id).or_insert_with(|| RunHistory::missing(id))
}
