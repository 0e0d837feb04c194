//! Clients that start runs, repeat themselves, look and cancel, and remember what they were told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gathering_domain::RunId;
use gathering_testkit::history::Told;
use gathering_testkit::{Client, Response};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::fleet::Doors;

/// How many clients there are.
pub(crate) const CLIENTS: u64 = 5;

/// How long a client waits for an answer before it asks again, perhaps elsewhere.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a client goes on asking once nothing is wrong any more.
const LIMIT: Duration = Duration::from_secs(30);

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) seed: u64,
    pub(crate) instances: usize,
    pub(crate) doors: Arc<Doors>,
    pub(crate) pipelines: Vec<String>,
    /// Starts so many runs at most, bursts not counted.
    pub(crate) most: usize,
    pub(crate) started: AtomicUsize,
    /// Fires when nothing new is to be started.
    pub(crate) enough: CancellationToken,
    /// While a clock may be wrong: a token from another instance may then not be valid yet.
    pub(crate) misled: AtomicBool,
    pub(crate) told: Mutex<Vec<Told>>,
    /// Answers that nobody should get, each in a sentence.
    pub(crate) odd: Mutex<Vec<String>>,
}

impl Load {
    /// One client, until there is enough.
    pub(crate) async fn client(self: Arc<Self>, number: u64) {
        let chance = Chance::new(self.seed, 100 + number);
        let mut count = 0;
        while !self.enough.is_cancelled() && self.started.fetch_add(1, Ordering::Relaxed) < self.most {
            count += 1;
            let pipeline = chance.below(self.pipelines.len());
            let key = format!("client-{number}-{count}");
            let run = self.start(&chance, &self.pipelines[pipeline], &key, count).await;
            match (run, chance.below(10)) {
                (Some(_), 0) => drop(self.start(&chance, &self.pipelines[pipeline], &key, count).await),
                (Some(run), 1) => self.cancel(&chance, run).await,
                (Some(run), 2) => self.look(&chance, run).await,
                (Some(run), 3) => self.cancel_by_label(&chance, &key, run).await,
                _ => {}
            }
            sleep(chance.millis(5, 60)).await;
        }
    }

    /// Asks for a run until somebody accepts it, always under the same key.
    pub(crate) async fn start(&self, chance: &Chance, pipeline: &str, key: &str, number: usize) -> Option<RunId> {
        let path = format!("/api/v1/pipelines/{pipeline}/runs");
        let body = json!({"input": {"number": number}, "labels": {"key": key}});
        let mut end = None;
        loop {
            if let Some(answer) = self.ask(chance, &path, Some(&body), Some(key)).await
                && answer.status == 202
            {
                let run: RunId = answer.json["id"].as_str()?.parse().ok()?;
                self.note(Told::Started {
                    key: key.to_owned(),
                    run,
                });
                return Some(run);
            }
            if self.enough.is_cancelled() && Instant::now() > *end.get_or_insert_with(|| Instant::now() + LIMIT) {
                self.odd(format!(
                    "nobody accepted {key} within {LIMIT:?}, although nothing was wrong any more"
                ));
                return None;
            }
            sleep(chance.millis(20, 150)).await;
        }
    }

    /// Cancels after a moment, and asks a few times where no answer comes.
    pub(crate) async fn cancel(&self, chance: &Chance, run: RunId) {
        sleep(chance.millis(0, 250)).await;
        for _ in 0..5 {
            let path = format!("/api/v1/runs/{run}/cancel");
            if let Some(answer) = self.ask(chance, &path, Some(&json!({})), None).await
                && answer.status == 200
            {
                return self.note_end(run, &answer.json);
            }
            sleep(chance.millis(20, 200)).await;
        }
    }

    /// Cancels by a filter that this run alone matches, and repeats until nothing remains.
    async fn cancel_by_label(&self, chance: &Chance, key: &str, run: RunId) {
        sleep(chance.millis(0, 250)).await;
        let mut body = json!({"labels": {"key": key}});
        for _ in 0..10 {
            let answer = self.ask(chance, "/api/v1/runs/cancel", Some(&body), None).await;
            if let Some(answer) = answer.filter(|answer| answer.status == 200) {
                if answer.json["cancelled"] == 1 {
                    let status = "cancelled".to_owned();
                    self.note(Told::Ended { run, status });
                }
                body["cursor"] = answer.json["next_cursor"].clone();
                if body["cursor"].is_null() {
                    return;
                }
            }
            sleep(chance.millis(20, 200)).await;
        }
    }

    /// Looks now and then whether the run has ended.
    async fn look(&self, chance: &Chance, run: RunId) {
        for _ in 0..4 {
            let path = format!("/api/v1/runs/{run}");
            if let Some(answer) = self.ask(chance, &path, None, None).await
                && answer.status == 200
                && answer.json["finished_at"].is_string()
            {
                return self.note_end(run, &answer.json);
            }
            sleep(chance.millis(50, 200)).await;
        }
    }

    /// One request to one of the instances; `None` where no answer comes.
    pub(crate) async fn ask(
        &self,
        chance: &Chance,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Option<Response> {
        let client = self.doors.client(chance.below(self.instances))?;
        let answer = send(&client, path, body, key).await?;
        // What a fault may do to an answer: nothing but delay it, or refuse it for now.
        let refused_for_now = answer.status == 401 && self.misled.load(Ordering::Relaxed);
        if !(refused_for_now || matches!(answer.status, 200 | 202 | 409 | 429 | 503)) {
            self.odd(format!("{path} answered {}: {}", answer.status, answer.json));
        }
        Some(answer)
    }

    /// Releases every node that is in quarantine.
    pub(crate) async fn release_all(&self, chance: &Chance) {
        let Some(listed) = self.ask(chance, "/api/v1/quarantine", None, None).await else {
            return;
        };
        for item in listed.json["items"].as_array().into_iter().flatten() {
            if let (Some(run), Some(node)) = (item["run_id"].as_str(), item["node"].as_str()) {
                let path = format!("/api/v1/runs/{run}/nodes/{node}/release");
                self.ask(chance, &path, Some(&json!({})), None).await;
            }
        }
    }

    fn note_end(&self, run: RunId, answer: &Value) {
        if let Some(status) = answer["status"].as_str() {
            self.note(Told::Ended {
                run,
                status: status.to_owned(),
            });
        }
    }

    fn note(&self, told: Told) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    fn odd(&self, sentence: String) {
        self.odd.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }
}

async fn send(client: &Client, path: &str, body: Option<&Value>, key: Option<&str>) -> Option<Response> {
    let request = match body {
        Some(body) => client.request(Method::POST, path).json(body),
        None => client.request(Method::GET, path),
    };
    let request = match key {
        Some(key) => request.header("Idempotency-Key", key),
        None => request,
    };
    client.try_send(request.timeout(PATIENCE)).await.ok()
}
