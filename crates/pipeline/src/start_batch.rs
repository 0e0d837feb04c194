//! Starting many runs at once in the caller's transaction.

use gathering_persistence::runs::NewRun;
use gathering_persistence::{Transaction, transactions};

use crate::session::holder::Claimed;
use crate::session::promised::Promised;
use crate::session::starter::{self, Insertion};
use crate::start::answered;
use crate::{Engine, Error, StartRun, Started};

/// Runs that were started in a transaction of the caller's: [`committed`](Self::committed) sets them going at once.
///
/// Dropped without that, it asks the database what became of the transaction: after a rollback nothing is left of it, and runs that were
/// committed all the same go on a moment later. Until the transaction has ended, each run that this instance took keeps its place among
/// those in memory ([`Limits::max_runs`](crate::Limits::max_runs)).
#[must_use = "its runs wait until it is told that they are committed"]
#[derive(Debug)]
pub struct StartBatch {
    engine: Engine,
    started: Vec<Result<Started, Error>>,
    /// Those of them that this instance took.
    claims: Vec<Claimed>,
    promised: Option<Promised>,
    inserted: u64,
}

impl StartBatch {
    /// What became of each start, in the order in which they were asked for; of one that could not be, why.
    pub fn started(&self) -> &[Result<Started, Error>] {
        &self.started
    }

    /// To be called when the transaction was committed, and only then: sets the runs going, and gives what became of each start.
    pub fn committed(self) -> Vec<Result<Started, Error>> {
        let Self {
            engine,
            started,
            claims,
            promised,
            inserted,
        } = self;
        engine.shared.counters.started.add(inserted);
        let queued = inserted > claims.len() as u64;
        if let Some(promised) = promised {
            promised.launch(claims);
        }
        if queued {
            engine.wake();
        }
        started
    }
}

impl Engine {
    /// Starts runs in the caller's transaction, in one statement: they are there if that commits, and never were if that rolls back. What
    /// cannot be started, because its pipeline or version does not exist or its input is too large, has its own error and does not
    /// spoil the others.
    ///
    /// A working engine finds them as those of [`start_run_in`](Self::start_run_in); [`start_batch_in`](Self::start_batch_in) is faster.
    pub async fn start_runs_in(
        &self,
        transaction: &Transaction<'_>,
        starts: Vec<StartRun>,
    ) -> Result<Vec<Result<Started, Error>>, Error> {
        let asked = Asked::check(self, starts);
        let insertions = starter::insert_in(transaction, &asked.runs).await?;
        Ok(asked.answer(insertions))
    }

    /// Starts runs in the caller's transaction as [`start_runs_in`](Self::start_runs_in) does, and takes as many of them as this instance
    /// has room for: it needs not claim them, and drives them as soon as [`StartBatch::committed`] says that they are there. The others are
    /// queued, and looked at then.
    ///
    /// If this instance dies meanwhile, others take over what was committed, as any of its runs.
    pub async fn start_batch_in(
        &self,
        transaction: &Transaction<'_>,
        starts: Vec<StartRun>,
    ) -> Result<StartBatch, Error> {
        let mut asked = Asked::check(self, starts);
        let session = self.current();
        let promised = session.map(|session| Promised::hold(session, &mut asked.runs));
        let mut promised = promised.filter(|promised| !promised.is_empty());
        if let Some(promised) = &mut promised {
            // First, so that whatever happens from here on can be told by it.
            promised.begin(transactions::number(transaction).await?);
        }
        let insertions = starter::insert_in(transaction, &asked.runs).await?;
        let (mut claims, mut inserted) = (Vec::new(), 0);
        for (run, insertion) in asked.runs.iter().zip(&insertions) {
            match (insertion, &mut promised) {
                (Insertion::Inserted(row), _) => {
                    inserted += 1;
                    if row.owner.is_some() {
                        claims.push(starter::claimed(run.clone(), row));
                    }
                }
                (_, Some(promised)) if run.owner.is_some() => promised.let_go(run.id),
                _ => {}
            }
        }
        Ok(StartBatch {
            engine: self.clone(),
            started: asked.answer(insertions),
            claims,
            promised,
            inserted,
        })
    }
}

/// Starts that were asked for together.
struct Asked {
    /// What was asked for; an error where it breaks a rule.
    starts: Vec<Result<StartRun, Error>>,
    /// Those that break none.
    runs: Vec<NewRun>,
}

impl Asked {
    fn check(engine: &Engine, starts: Vec<StartRun>) -> Self {
        let mut runs = Vec::with_capacity(starts.len());
        let mut check = |start: StartRun| {
            runs.push(engine.new_run(&start)?);
            Ok(start)
        };
        let starts = starts.into_iter().map(&mut check).collect();
        Self { starts, runs }
    }

    /// In the order in which they were asked for.
    fn answer(self, insertions: Vec<Insertion>) -> Vec<Result<Started, Error>> {
        let mut inserted = self.runs.iter().zip(insertions);
        let answer = |start: Result<StartRun, Error>| {
            let start = start?;
            match inserted.next() {
                Some((run, insertion)) => answered(insertion, &start, run),
                None => Err(Error::PipelineNotFound(start.pipeline_id)),
            }
        };
        self.starts.into_iter().map(answer).collect()
    }
}
