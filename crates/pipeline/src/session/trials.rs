//! Keeps groups of nodes apart that are suspected of killing their processes, so that a death speaks against the group that was on trial,
//! and against no other suspect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gathering_domain::trial::{Suspicion, UnderWay, next_turn};
use tokio::sync::oneshot;

/// How long the first of a group waits for others: the runs of an instance that died come one after the other, and who is late waits until
/// the whole group has ended.
const GATHERING: Duration = Duration::from_millis(100);

/// Whose turn it is in this process, for all of its runs; as large as what they ask for at once, which is as many attempts as they may have
/// under way.
///
/// Fair: see [`next_turn`]. Each waits for attempts that began earlier, and these end with their nodes' timeouts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trials(Arc<Mutex<Court>>);

#[derive(Debug, Default)]
struct Court {
    /// How many places of each kind are taken; one of the two is 0.
    beside: usize,
    on_trial: usize,
    /// Those that wait, in the order in which they asked, and how each is called.
    waiting: BTreeMap<u64, (Suspicion, oneshot::Sender<Place>)>,
    /// The number of the next one that asks.
    next: u64,
}

/// A right to be under way, until it is dropped.
#[derive(Debug)]
pub(crate) enum Place {
    /// Beside whatever else is.
    Anywhere,
    /// Beside everything but nodes on trial.
    Beside(#[expect(dead_code, reason = "it is held")] Taken),
    /// On trial.
    OnTrial {
        /// In a group of so many, itself included.
        together: u32,
        #[expect(dead_code, reason = "it is held")]
        taken: Taken,
    },
}

/// A place that is counted.
#[derive(Debug)]
pub(crate) struct Taken {
    trials: Trials,
    on_trial: bool,
}

/// A place that is waited for; dropping it gives it up.
struct Asked {
    trials: Trials,
    suspicion: Suspicion,
    number: u64,
    called: oneshot::Receiver<Place>,
}

impl Trials {
    /// Asks for a place for each node of which so much is suspected. Those that ask together may be tried together.
    pub(crate) fn places(&self, suspicions: &[Suspicion]) -> Vec<impl Future<Output = Place> + Send + 'static + use<>> {
        let suspects = suspicions
            .iter()
            .map(|suspicion| (*suspicion != Suspicion::None).then(|| self.ask(*suspicion)));
        let asked: Vec<Option<Asked>> = suspects.collect();
        if asked.iter().flatten().any(|one| one.suspicion == Suspicion::Slight) {
            self.call();
        }
        let place = |asked: Option<Asked>| async move {
            match asked {
                None => Place::Anywhere,
                Some(asked) => asked.place().await,
            }
        };
        asked.into_iter().map(place).collect()
    }

    fn ask(&self, suspicion: Suspicion) -> Asked {
        let (calls, called) = oneshot::channel();
        let mut court = self.court();
        let number = court.next;
        court.next = number.saturating_add(1);
        court.waiting.insert(number, (suspicion, calls));
        drop(court);
        Asked {
            trials: self.clone(),
            suspicion,
            number,
            called,
        }
    }

    /// Gives a place to those whose turn it is.
    fn call(&self) {
        let turn = self.court().take_turn();
        for (called, together) in turn {
            let taken = Taken {
                trials: self.clone(),
                on_trial: together.is_some(),
            };
            // Not while the court is locked: where somebody gave up meanwhile, the place is dropped here, and is free again.
            drop(called.send(match together {
                None => Place::Beside(taken),
                Some(together) => Place::OnTrial { together, taken },
            }));
        }
    }

    fn leave(&self, on_trial: bool) {
        let mut court = self.court();
        let taken = if on_trial {
            &mut court.on_trial
        } else {
            &mut court.beside
        };
        *taken = taken.saturating_sub(1);
        drop(court);
        self.call();
    }

    /// Nothing panics while it is locked, and if anything did, places would still be counted.
    fn court(&self) -> MutexGuard<'_, Court> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// How many are tried together, itself included; `None` if it is not on trial.
    pub(crate) fn together(&self) -> Option<u32> {
        match self {
            Self::Anywhere | Self::Beside(_) => None,
            Self::OnTrial { together, .. } => Some(*together),
        }
    }
}

impl Court {
    /// Takes those out of the line whose turn it is, each with the size of its group if it is on trial.
    fn take_turn(&mut self) -> Vec<(oneshot::Sender<Place>, Option<u32>)> {
        let under_way = match (self.beside, self.on_trial) {
            (0, 0) => UnderWay::Nobody,
            (_, 0) => UnderWay::Beside,
            _ => UnderWay::Group,
        };
        let places = next_turn(under_way, self.waiting.values().map(|(suspicion, _)| *suspicion));
        let size = places.len();
        if size == 0 {
            return Vec::new();
        }
        let mut turn = places.into_iter().peekable();
        let numbers = self.waiting.keys().enumerate();
        let numbers = numbers.filter_map(|(place, number)| turn.next_if_eq(&place).map(|_| *number));
        let numbers: Vec<u64> = numbers.collect();
        let mut called = Vec::with_capacity(size);
        for (suspicion, calls) in numbers.iter().filter_map(|number| self.waiting.remove(number)) {
            let on_trial = matches!(suspicion, Suspicion::Strong { .. });
            called.push((calls, on_trial.then(|| u32::try_from(size).unwrap_or(u32::MAX))));
        }
        match called.first() {
            Some((_, Some(_))) => self.on_trial += size,
            Some((_, None)) => self.beside += size,
            None => {}
        }
        called
    }
}

impl Asked {
    async fn place(mut self) -> Place {
        if self.suspicion == Suspicion::Slight {
            return self.called().await;
        }
        if let Ok(place) = tokio::time::timeout(GATHERING, self.called()).await {
            return place;
        }
        self.trials.call();
        self.called().await
    }

    async fn called(&mut self) -> Place {
        match (&mut self.called).await {
            Ok(place) => place,
            // Whoever asks is in the line until it is called.
            Err(_closed) => std::future::pending().await,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let gave_up = self.trials.court().waiting.remove(&self.number);
        if gave_up.is_some() {
            // It may have been the first one, whose turn the others waited for.
            self.trials.call();
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.trials.leave(self.on_trial);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;

    const STRONG: Suspicion = Suspicion::Strong { at_most: 64 };

    fn at_once(trials: &Trials, suspicion: Suspicion) -> Option<Place> {
        trials.places(&[suspicion]).pop()?.now_or_never()
    }

    /// Those that have their places now; the first of a group has waited for others long enough.
    fn places<F: Future<Output = Place> + Unpin>(trials: &Trials, asked: &mut Vec<F>) -> Vec<Place> {
        trials.call();
        let mut places = Vec::new();
        asked.retain_mut(|one| one.now_or_never().map(|place| places.push(place)).is_none());
        places
    }

    fn ask(trials: &Trials, suspicion: Suspicion, count: usize) -> Vec<BoxFuture<'static, Place>> {
        let places = trials.places(&vec![suspicion; count]);
        places.into_iter().map(FutureExt::boxed).collect()
    }

    fn together(places: &[Place]) -> Vec<Option<u32>> {
        places.iter().map(Place::together).collect()
    }

    #[tokio::test]
    async fn a_group_on_trial_has_no_other_suspect_beside_it_and_disturbs_nobody_else() {
        let trials = Trials::default();
        let beside = [(); 2].map(|()| at_once(&trials, Suspicion::Slight));
        assert!(beside.iter().all(Option::is_some));
        let mut asked = ask(&trials, STRONG, 2);
        assert!(places(&trials, &mut asked).is_empty(), "other suspects are under way");
        drop(beside);
        let mut group = places(&trials, &mut asked);
        assert_eq!(together(&group), [Some(2), Some(2)]);
        assert!(at_once(&trials, Suspicion::None).is_some());
        let mut late = ask(&trials, STRONG, 1);
        while let Some(ends) = group.pop() {
            assert!(at_once(&trials, Suspicion::Slight).is_none());
            assert!(places(&trials, &mut late).is_empty(), "the group has not ended");
            drop(ends);
        }
        assert_eq!(together(&places(&trials, &mut late)), [Some(1)]);
    }

    #[tokio::test]
    async fn runs_that_ask_shortly_after_one_another_are_tried_together() {
        let trials = Trials::default();
        let mut asked = ask(&trials, STRONG, 1);
        assert!((&mut asked[0]).now_or_never().is_none(), "it waits for others");
        asked.extend(ask(&trials, STRONG, 2));
        let first = asked.remove(0).await;
        assert_eq!(first.together(), Some(3), "it does not wait for ever");
        assert_eq!(together(&places(&trials, &mut asked)), [Some(3), Some(3)]);
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_keeps_nobody_else_waiting() {
        let trials = Trials::default();
        let mut under_way = vec![at_once(&trials, Suspicion::Slight).unwrap()];
        let gives_up = ask(&trials, STRONG, 1);
        let mut waits = ask(&trials, Suspicion::Slight, 1);
        assert!(places(&trials, &mut waits).is_empty());
        drop(gives_up);
        under_way.extend(places(&trials, &mut waits));
        assert_eq!(under_way.len(), 2);
        let called_but_gone = ask(&trials, Suspicion::Slight, 1);
        drop((called_but_gone, under_way));
        let court = trials.court();
        assert_eq!((court.waiting.len(), court.beside, court.on_trial), (0, 0, 0));
    }
}
