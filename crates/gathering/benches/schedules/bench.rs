//! GatheRing with a handler that notes the time, and schedules that are all due in one second.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gathering::{
    Client, Gathering, Handle, HandlerError, Identity, Json, NewAccount, NewPipeline, NewSchedule, PipelineId,
    ProjectId, Registration,
};
use gathering_persistence::Pool;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// How many schedules are saved at once.
const SAVERS: usize = 4;
/// How many schedules a machine saves in a second, at the least, that is not too busy to measure anything.
pub(crate) const IN_A_SECOND: usize = 600;

/// By which rule schedules are due; whichever it is, it is due in the second that was chosen.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    Once,
    /// Again on each day.
    Cron,
}

pub(crate) struct Bench {
    gathering: Gathering,
    work: Handle,
    user: Identity,
    calls: Arc<Mutex<Vec<Timestamp>>>,
}

impl Bench {
    /// At work on a migrated database.
    pub(crate) async fn start(pool: Pool) -> Self {
        let calls: Arc<Mutex<Vec<Timestamp>>> = Arc::default();
        let noted = calls.clone();
        let gathering = Gathering::builder(pool)
            .registration(Registration::Open)
            .handler("noop", move |_call| {
                noted.lock().unwrap().push(Timestamp::now());
                async { Ok::<_, HandlerError>(Value::Null) }
            })
            .build()
            .await
            .unwrap();
        let work = gathering.start().await.unwrap();
        let user = user(&gathering).await;
        Self {
            gathering,
            work,
            user,
            calls,
        }
    }

    /// Saves schedules that are all due at one moment, which is some seconds after the last of them is saved if so many are saved in a second. They get a
    /// project of their own, since one holds no more than 10,000.
    pub(crate) async fn save(&self, count: usize, rule: Rule, in_a_second: usize) -> Timestamp {
        let project = self.gathering.create_project(&self.user, "bench").await.unwrap().id;
        let pipeline = pipeline(&self.gathering, &self.user, project).await;
        let patience = 5 + i64::try_from(count / in_a_second).unwrap();
        let due = Timestamp::from_second(Timestamp::now().as_second() + patience).unwrap();
        let mut savers = tokio::task::JoinSet::new();
        for saver in 0..SAVERS {
            let (gathering, user) = (self.gathering.clone(), self.user.clone());
            savers.spawn(async move {
                for index in (saver..count).step_by(SAVERS) {
                    let definition = rule.definition(&format!("schedule {index}"), due, pipeline);
                    let new = NewSchedule {
                        project_id: Some(project),
                        definition: Json::from_value(&definition),
                    };
                    gathering.create_schedule(&user, new).await.unwrap();
                }
            });
        }
        savers.join_all().await;
        assert!(Timestamp::now() < due, "saving took too long");
        due
    }

    /// How long after their due time so many runs began, in milliseconds and in order: as many of them as began within `limit` of it.
    pub(crate) async fn late(&self, count: usize, due: Timestamp, limit: Duration) -> Vec<f64> {
        let end = due + limit;
        while self.calls.lock().unwrap().len() < count && Timestamp::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let calls = std::mem::take(&mut *self.calls.lock().unwrap());
        let mut late: Vec<f64> = calls
            .iter()
            .map(|at| at.duration_since(due).as_secs_f64() * 1e3)
            .collect();
        late.sort_by(f64::total_cmp);
        late
    }

    pub(crate) async fn stop(self) {
        self.work.shutdown(Duration::from_secs(10)).await;
    }
}

impl Rule {
    fn definition(self, name: &str, due: Timestamp, pipeline: PipelineId) -> Value {
        let action =
            json!({"type": "execute_pipeline", "pipeline_id": pipeline, "input": {"day": "{{ firing.due_at }}"}});
        match self {
            Self::Once => json!({"name": name, "kind": "once", "at": due.to_string(), "action": action}),
            Self::Cron => {
                let pattern = due.strftime("%-S %-M %-H * * *").to_string();
                json!({"name": name, "kind": "cron", "cron": pattern, "timezone": "UTC", "action": action})
            }
        }
    }
}

/// Waits until so long before a due time.
pub(crate) async fn until(due: Timestamp, before: Duration) {
    let left = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
    tokio::time::sleep(left.saturating_sub(before)).await;
}

async fn user(gathering: &Gathering) -> Identity {
    let password = || SecretString::from("correct horse battery");
    let account = NewAccount {
        email: "bench@example.org".to_owned(),
        password: password(),
        name: None,
        invitation: None,
    };
    gathering.register(account, &Client::default()).await.unwrap();
    let tokens = gathering
        .login("bench@example.org", password(), &Client::default())
        .await
        .unwrap();
    let token = tokens.access_token.expose_secret().to_owned();
    gathering.authenticate(&token, Client::default()).await.unwrap()
}

async fn pipeline(gathering: &Gathering, user: &Identity, project: ProjectId) -> PipelineId {
    let definition = json!({"nodes": [{"id": "note", "type": "action", "config": {"action": "noop"}}]});
    let new = NewPipeline {
        project_id: Some(project),
        name: "noop".to_owned(),
        definition: Json::from_value(&definition),
    };
    gathering.create_pipeline(user, new).await.unwrap().summary.id
}
