//! Starting runs.

use std::collections::BTreeMap;
use std::time::Duration;

use gathering_domain::{Json, PipelineId, RunId, RunStatus, TraceContext};
use gathering_persistence::Transaction;
use gathering_persistence::runs::{NewRun, NewRunKey};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use crate::input::check_start;
use crate::session::starter::{self, Insertion};
use crate::{Engine, Error};

/// What is to run.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The id that the run is to have; `None`: the engine makes one. A start under the id of a run that exists is the same start, whatever
    /// else it asks for. To be made with [`RunId::new`], because queues and retention go by the time in it.
    pub id: Option<RunId>,
    /// The pipeline.
    pub pipeline_id: PipelineId,
    /// Its version; `None` for the latest.
    pub version: Option<i32>,
    /// What the run is given: `input` in expressions, and the output of the trigger.
    pub input: Json,
    /// Kept with the run, for whoever searches: at most 32, with names of 1 to 64 and values of up to 256 characters.
    pub labels: BTreeMap<String, String>,
    /// Higher is claimed first; 0 is usual.
    pub priority: i16,
    /// Two starts of a pipeline with the same key start one run; 1 to 255 visible ASCII characters.
    pub idempotency_key: Option<String>,
    /// The trace that the run belongs to, with the span that started it: its nodes carry it on, on whichever instance they run.
    pub trace: Option<TraceContext>,
}

impl StartRun {
    /// The latest version, with the input `null`.
    pub fn new(pipeline_id: PipelineId) -> Self {
        Self {
            id: None,
            pipeline_id,
            version: None,
            input: Json::null(),
            labels: BTreeMap::new(),
            priority: 0,
            idempotency_key: None,
            trace: None,
        }
    }

    /// With this input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Json>) -> Self {
        self.input = input.into();
        self
    }

    /// SHA-256 of everything that was asked for but the key.
    fn fingerprint(&self) -> Vec<u8> {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in [
            format!("{:?} {} {:?}", self.version, self.priority, self.labels).as_str(),
            self.input.text(),
        ] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        context.finish().as_ref().to_vec()
    }
}

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The run.
    pub id: RunId,
    /// Queued, or running when this instance took it at once. Of an earlier start under the same key or id: queued, whatever it is now.
    pub status: RunStatus,
    /// Whether an earlier start under the same key or id had started it.
    pub replayed: bool,
}

impl Engine {
    /// Starts a run; it is durable when this returns. Starts that come together share a commit.
    pub async fn start_run(&self, start: StartRun) -> Result<Started, Error> {
        let mut run = self.new_run(&start)?;
        let Some(session) = self.current() else {
            return answered(self.shared.queue(&run).await?, &start, &run);
        };
        let room = self.shared.room_to_start(run.input.text().len())?;
        // What this instance cannot run is not for it to own.
        let foreign = self.shared.excluded.may_have(run.pipeline_id, run.version);
        let slot = if foreign { None } else { session.slot() };
        run.owner = slot.as_ref().map(|_| session.instance);
        let (done, answer) = oneshot::channel();
        session
            .starts
            .try_send(starter::Start {
                run: run.clone(),
                slot,
                done,
                room,
            })
            .map_err(|refused| match refused {
                TrySendError::Full(_) => overloaded(),
                TrySendError::Closed(_) => session.gone(),
            })?;
        // A caller that goes away meanwhile does not matter: the starter launches what it inserted.
        let insertion = answer.await.unwrap_or_else(|_dropped| Err(session.gone()))?;
        if foreign {
            // It may be of another version, which this instance can run.
            session.wake.notify_one();
        }
        answered(insertion, &start, &run)
    }

    /// Starts a run in the caller's transaction: it is there if that commits, and never was if that rolls back.
    ///
    /// A working engine finds it within [`Limits::poll_interval`](crate::Limits::poll_interval) of the commit, or at once after
    /// [`Engine::wake`].
    pub async fn start_run_in(&self, transaction: &Transaction<'_>, start: StartRun) -> Result<Started, Error> {
        let run = self.new_run(&start)?;
        let inserted = starter::insert_in(transaction, std::slice::from_ref(&run)).await?.pop();
        answered(inserted.unwrap_or(Insertion::NoSuchPipeline), &start, &run)
    }

    pub(crate) fn new_run(&self, start: &StartRun) -> Result<NewRun, Error> {
        let (bytes, limit) = (start.input.text().len(), self.shared.limits.max_input_bytes);
        if bytes > limit {
            return Err(Error::InputTooLarge { bytes, limit });
        }
        let depth = start.input.depth();
        if depth > Json::MAX_DEPTH {
            return Err(Error::InputTooDeep {
                depth,
                limit: Json::MAX_DEPTH,
            });
        }
        check_start(start)?;
        let now = self.shared.clock.now();
        let key = start.idempotency_key.clone();
        Ok(NewRun {
            id: start.id.unwrap_or_else(|| RunId::new(now, &*self.shared.entropy)),
            pipeline_id: start.pipeline_id,
            version: start.version,
            priority: start.priority,
            input: start.input.clone(),
            labels: (!start.labels.is_empty()).then(|| Json::serialize(&start.labels).unwrap_or_else(|_| Json::null())),
            created_at: now,
            key: key.map(|key| NewRunKey {
                key,
                fingerprint: start.fingerprint(),
            }),
            owner: None,
            trace: start.trace.clone(),
        })
    }
}

/// Starts wait for one commit, which takes a moment; where it takes longer, whoever comes back is told again.
pub(crate) fn overloaded() -> Error {
    Error::Overloaded {
        retry_after: Duration::from_secs(1),
    }
}

/// What whoever asked for this start is told.
pub(crate) fn answered(insertion: Insertion, start: &StartRun, run: &NewRun) -> Result<Started, Error> {
    match insertion {
        // One that exists under an id that was made for this very start was inserted by a try whose answer was lost.
        Insertion::Existed(_) if start.id.is_some() => Ok(Started {
            id: run.id,
            status: RunStatus::Queued,
            replayed: true,
        }),
        Insertion::Inserted(inserted) | Insertion::Existed(inserted) => Ok(Started {
            id: run.id,
            status: match inserted.owner {
                Some(_) => RunStatus::Running,
                None => RunStatus::Queued,
            },
            replayed: false,
        }),
        Insertion::KeyTaken(key) => {
            let same = run
                .key
                .as_ref()
                .is_some_and(|asked| asked.fingerprint == key.fingerprint);
            let replayed = Started {
                id: key.run_id,
                status: RunStatus::Queued,
                replayed: true,
            };
            if same {
                Ok(replayed)
            } else {
                Err(Error::KeyReused { run_id: key.run_id })
            }
        }
        Insertion::NoSuchPipeline => Err(match run.version {
            Some(version) => Error::VersionNotFound {
                id: run.pipeline_id,
                version,
            },
            None => Error::PipelineNotFound(run.pipeline_id),
        }),
    }
}
