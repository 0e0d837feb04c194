//! What an embedder supplies: the meaning of a firing.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use gathering_domain::schedule::Origin;
use gathering_domain::{FiringId, Json, ProjectId, ScheduleId};
use gathering_persistence::{Hindrance, Transaction};
use jiff::Timestamp;

use crate::Ended;

/// What a firing means.
///
/// For what is done when the firing is written, [`SchedulerBuilder::on_each_firing`](crate::SchedulerBuilder::on_each_firing) takes an async closure. Implement the
/// trait to do many in one statement, and for what goes on after that.
pub trait OnFire: Send + Sync + 'static {
    /// Does what firings mean, in the transaction that writes them and moves their schedules on: all of it commits, or nothing. Gives what became of each, in
    /// their order.
    ///
    /// The schedules are locked meanwhile: the database ends a transaction in which it hears nothing for five seconds, so nothing is to be waited for here but the database.
    ///
    /// It may be called again for the same firings, where the transaction was rolled back. After an error each firing is tried in a transaction of its own; one
    /// whose error is not of the moment, as a database that is away would be, is written down as failed.
    fn fire<'a>(&'a self, tx: &'a Transaction<'_>, firings: &'a [Firing]) -> BoxFuture<'a, Result<Fires, FireError>>;

    /// Of these firings, which [`Fired::Started`], those that have ended since. Asked again and again; whatever is not open may be left out.
    ///
    /// It reads on a connection of its own, and waits for nobody: some are asked about while the schedules of these firings are locked.
    fn ended<'a>(&'a self, open: &'a [FiringId]) -> BoxFuture<'a, Result<Vec<Ended>, FireError>> {
        let _ = open;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Takes back what these firings started, in the transaction of the firing that takes their place.
    fn cancel<'a>(&'a self, tx: &'a Transaction<'_>, open: &'a [FiringId]) -> BoxFuture<'a, Result<(), FireError>> {
        let _ = (tx, open);
        Box::pin(async { Ok(()) })
    }
}

/// A due time that fires.
#[derive(Debug, Clone)]
pub struct Firing {
    /// Its id: the same however often it is tried, once it was written. An id for whatever it starts.
    pub id: FiringId,
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// The schedule's name.
    pub schedule: Arc<str>,
    /// The schedule's project.
    pub project_id: ProjectId,
    /// The revision of the schedule.
    pub revision: i32,
    /// When it was due.
    pub due_at: Timestamp,
    /// Why it is there.
    pub origin: Origin,
    /// What the schedule is for.
    pub payload: Json,
}

/// What became of a firing.
#[derive(Debug, Clone, PartialEq)]
pub enum Fired {
    /// It is done, within the transaction.
    Done,
    /// It goes on; [`OnFire::ended`] or [`Scheduler::firing_ended_in`](crate::Scheduler::firing_ended_in) will say how it ended.
    Started,
    /// It could not be done, and will not be tried again.
    Failed {
        /// Stable, `snake_case`.
        code: String,
        /// For people.
        message: String,
    },
}

/// What became of firings.
pub struct Fires {
    /// Of each, in their order.
    pub fired: Vec<Fired>,
    /// Called once all of it is durable; dropped without that where it is not, or where nobody can tell.
    pub committed: Option<Box<dyn FnOnce() + Send>>,
}

impl Fires {
    /// With nothing to do after the commit.
    pub fn new(fired: Vec<Fired>) -> Self {
        Self { fired, committed: None }
    }
}

impl fmt::Debug for Fires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fires")
            .field("fired", &self.fired)
            .finish_non_exhaustive()
    }
}

/// Why firings could not be done. Any error becomes one by `?`.
#[derive(Debug)]
pub struct FireError(Box<dyn std::error::Error + Send + Sync>);

impl FireError {
    /// Whether the database is away.
    pub(crate) fn is_unavailable(&self) -> bool {
        gathering_persistence::hindrance(&*self.0) == Some(Hindrance::Away)
    }

    /// Whether somebody else was in the way, or it took too long.
    pub(crate) fn is_interrupted(&self) -> bool {
        gathering_persistence::hindrance(&*self.0) == Some(Hindrance::Interrupted)
    }

    /// Whether a due time has a firing already.
    pub(crate) fn is_of_a_due_time(&self) -> bool {
        let database = self.0.downcast_ref::<gathering_persistence::Error>();
        database.is_some_and(gathering_persistence::firings::is_taken)
    }

    /// The error with all its causes.
    pub(crate) fn chain(&self) -> String {
        let causes = std::iter::successors(self.0.source(), |error| error.source());
        let texts = std::iter::once(self.0.to_string()).chain(causes.map(ToString::to_string));
        texts.collect::<Vec<_>>().join(": ")
    }
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for FireError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// A closure that does one firing.
pub(crate) struct Each<F>(pub(crate) F);

impl<F> OnFire for Each<F>
where
    F: for<'a> Fn(&'a Transaction<'a>, &'a Firing) -> BoxFuture<'a, Result<Fired, FireError>> + Send + Sync + 'static,
{
    fn fire<'a>(&'a self, tx: &'a Transaction<'_>, firings: &'a [Firing]) -> BoxFuture<'a, Result<Fires, FireError>> {
        Box::pin(async move {
            let mut fired = Vec::with_capacity(firings.len());
            for firing in firings {
                fired.push((self.0)(tx, firing).await?);
            }
            Ok(Fires::new(fired))
        })
    }
}

/// Firings that mean nothing: they are written down, and that is all.
pub(crate) struct Nothing;

impl OnFire for Nothing {
    fn fire<'a>(&'a self, _tx: &'a Transaction<'_>, firings: &'a [Firing]) -> BoxFuture<'a, Result<Fires, FireError>> {
        Box::pin(async move { Ok(Fires::new(vec![Fired::Done; firings.len()])) })
    }
}
