//! Schedules, with real runs and a real receiver.

mod changing;
mod deletions;
mod ended;
mod firing;
mod overlaps;
mod roles;
mod saving;
mod weeks;
mod why;

use std::sync::Arc;
use std::time::Duration;

use gathering::{
    Call, Clock as _, Error, FieldProblem, Firing, FiringQuery, Gathering, Handle, HandlerError, Identity, Json,
    NewPipeline, NewSchedule, PipelineId, Registration, Schedule, ScheduleId, SystemClock,
};
use gathering_testkit::{Receiver, TestDatabase, until};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// How long anything may take that takes a moment.
const LIMIT: Duration = Duration::from_secs(30);

/// A GatheRing at work, somebody who has schedules, and a receiver of their calls.
struct World {
    database: TestDatabase,
    gathering: Gathering,
    work: Handle,
    ada: Identity,
    receiver: Receiver,
    /// How many calls of the action `hold` may end.
    ends: Arc<Semaphore>,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let (receiver, ends) = (Receiver::start(), Arc::new(Semaphore::new(0)));
        let gathering = Gathering::builder(database.pool().await)
            .registration(Registration::Open)
            .outbound(receiver.address().to_string().parse().unwrap())
            .handler("hold", hold(ends.clone()))
            .build()
            .await
            .unwrap();
        let work = gathering.start().await.unwrap();
        let ada = super::user(&gathering, "ada@example.org").await;
        Self {
            database,
            gathering,
            work,
            ada,
            receiver,
            ends,
        }
    }

    async fn end(self) {
        self.work.shutdown(LIMIT).await;
    }

    async fn save(&self, definition: Value) -> Result<Schedule, Error> {
        let new = NewSchedule {
            project_id: None,
            definition: Json::from_value(&definition),
        };
        self.gathering.create_schedule(&self.ada, new).await
    }

    async fn schedule(&self, definition: Value) -> ScheduleId {
        self.save(definition).await.unwrap().id
    }

    async fn update(&self, id: ScheduleId, definition: Value) -> Schedule {
        let definition = Json::from_value(&definition);
        let updated = self.gathering.update_schedule(&self.ada, id, definition, None).await;
        updated.unwrap()
    }

    async fn read(&self, id: ScheduleId) -> Schedule {
        self.gathering.schedule(&self.ada, id).await.unwrap()
    }

    /// A pipeline of these nodes, without edges.
    async fn pipeline(&self, nodes: Value) -> PipelineId {
        let new = NewPipeline {
            project_id: None,
            name: "of a schedule".to_owned(),
            definition: Json::from_value(&json!({"nodes": nodes})),
        };
        let saved = self.gathering.create_pipeline(&self.ada, new).await.unwrap();
        saved.summary.id
    }

    /// A pipeline whose runs end when the test says so.
    async fn holding(&self) -> PipelineId {
        self.pipeline(json!([{"id": "hold", "type": "action", "config": {"action": "hold"}}]))
            .await
    }

    /// The firings, the earliest first.
    async fn firings(&self, id: ScheduleId) -> Vec<Firing> {
        let query = FiringQuery {
            limit: 100,
            ..FiringQuery::default()
        };
        let mut page = self.gathering.firings(&self.ada, id, query).await.unwrap();
        page.items.reverse();
        page.items
    }

    /// Waits for this to be so of the firings, the earliest first.
    async fn when(&self, id: ScheduleId, what: &str, so: impl Fn(&[Firing]) -> bool) -> Vec<Firing> {
        until(what, LIMIT, async || {
            Some(self.firings(id).await).filter(|firings| so(firings))
        })
        .await
    }

    fn post(&self, path: &str) -> Value {
        json!({"type": "call_api", "method": "POST", "url": self.receiver.url(path), "body": {"due": "{{ firing.due_at }}"}})
    }
}

fn hold(ends: Arc<Semaphore>) -> impl gathering::Handler {
    move |call: Call| {
        let ends = ends.clone();
        async move {
            tokio::select! {
                end = ends.acquire() => {
                    end.map_err(|_closed| HandlerError::permanent("closed", "the test is over"))?.forget();
                    Ok(Json::null())
                }
                () = call.cancelled.cancelled() => Err(HandlerError::permanent("cancelled", "somebody said so")),
            }
        }
    }
}

fn statuses(firings: &[Firing]) -> Vec<&'static str> {
    firings.iter().map(|firing| firing.status.as_str()).collect()
}

fn count(firings: &[Firing], status: &str) -> usize {
    statuses(firings).into_iter().filter(|one| *one == status).count()
}

fn soon() -> Timestamp {
    SystemClock.now() + Duration::from_millis(700)
}

fn problems(error: Error) -> Vec<FieldProblem> {
    let Error::InvalidRequest { problems } = error else {
        unreachable!("{error}");
    };
    problems
}

fn places(problems: &[FieldProblem]) -> Vec<(&str, &str)> {
    problems
        .iter()
        .map(|problem| (problem.pointer.as_str(), problem.code))
        .collect()
}
