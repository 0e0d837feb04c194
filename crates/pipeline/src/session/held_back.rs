//! The starts of a run that lost a process: each waits here until it has room, and is written down only then.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use gathering_domain::pipeline::NodeIx;
use gathering_domain::planner::Start;
use gathering_domain::trial::{Suspect, Suspicion};

use super::attempts::{Attempts, Permits};
use super::trials::{Place, Trials};
use crate::Limits;

/// What is watched of a run that lost a process; as large as the run's nodes at most.
#[derive(Debug)]
pub(crate) struct HeldBack {
    /// One for each degree of suspicion, so that who has to wait longest keeps nobody else waiting.
    lines: [Line; 3],
    /// What the processes that died say about each node; those under which none did are not in it.
    suspects: HashMap<NodeIx, Suspect>,
    /// With how many deaths a node goes into quarantine.
    limit: u32,
    /// How many starts of a line ask for room at once.
    most_asked: usize,
    /// The places of the attempts that are under way.
    places: HashMap<NodeIx, Place>,
    /// The places of attempts that have ended. They are kept until that is durable: else the next node on trial could take the process
    /// along, and the death would be counted against one that is done.
    leaving: Vec<Place>,
}

/// What an attempt needs before it may start.
#[derive(Debug)]
struct Room {
    permits: Permits,
    place: Place,
}

/// A start that has room now.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) start: Start,
    pub(crate) permits: Permits,
    /// If it is on trial: how many are tried together, itself included.
    pub(crate) together: Option<u32>,
}

#[derive(Default)]
struct Line {
    starts: VecDeque<Start>,
    /// The first ones, which have asked for room: as many as the run may have under way, so that they can be tried together, and that the
    /// many of one run keep no other run waiting.
    asked: FuturesUnordered<BoxFuture<'static, (Start, Room)>>,
    /// One of them that was given room.
    found: Option<(Start, Room)>,
}

impl HeldBack {
    /// Nothing yet, of a run with these suspects.
    pub(crate) fn new(suspects: HashMap<NodeIx, Suspect>, limits: &Limits) -> Self {
        Self {
            lines: Default::default(),
            suspects,
            limit: limits.max_lost_attempts,
            most_asked: limits.max_attempts_per_run.max(1),
            places: HashMap::new(),
            leaving: Vec::new(),
        }
    }

    /// Another process died under the node, while it was on trial together with so many; gives how many died in all.
    pub(crate) fn note_death(&mut self, node: NodeIx, together: Option<u32>) -> u32 {
        let suspect = self.suspects.entry(node).or_default();
        *suspect = suspect.lost(together);
        suspect.deaths()
    }

    /// The node was released from quarantine.
    pub(crate) fn forget_deaths(&mut self, node: NodeIx) {
        self.suspects.remove(&node);
    }

    /// Puts a start into the line of its kind.
    pub(crate) fn add(&mut self, start: Start) {
        let line = match suspicion(&self.suspects, start.node, self.limit) {
            Suspicion::None => 0,
            Suspicion::Slight => 1,
            Suspicion::Strong { .. } => 2,
        };
        self.lines[line].starts.push_back(start);
    }

    /// Whether nothing waits here.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.iter().all(Line::is_empty)
    }

    /// Takes the starts that have room now.
    pub(crate) fn take_ready(&mut self, attempts: &Attempts, trials: &Trials) -> Vec<Ready> {
        let mut ready = Vec::new();
        for line in 0..self.lines.len() {
            loop {
                self.ask(line, attempts, trials);
                let Some((start, Room { permits, place })) = self.lines[line].next() else {
                    break;
                };
                let together = place.together();
                self.places.insert(start.node, place);
                ready.push(Ready {
                    start,
                    permits,
                    together,
                });
            }
        }
        ready
    }

    /// Asks for room for as many more of a line as may. The place first: who has permits then works, and who waits for a place keeps no
    /// permit from others.
    fn ask(&mut self, line: usize, attempts: &Attempts, trials: &Trials) {
        let line = &mut self.lines[line];
        let free = self.most_asked.saturating_sub(line.asked.len()).min(line.starts.len());
        if free == 0 {
            return;
        }
        let starts: Vec<Start> = line.starts.drain(..free).collect();
        let suspicion = |start: &Start| suspicion(&self.suspects, start.node, self.limit);
        let suspicions: Vec<_> = starts.iter().map(suspicion).collect();
        let places = trials.places(&suspicions);
        for (start, place) in starts.into_iter().zip(places) {
            let permits = attempts.permits();
            let room = async move {
                let place = place.await;
                let permits = permits.await;
                (start, Room { permits, place })
            };
            line.asked.push(room.boxed());
        }
    }

    /// Returns once a start has room; pending for ever while none waits for any.
    pub(crate) async fn has_room(&mut self) {
        std::future::poll_fn(|context| {
            let mut found = Poll::Pending;
            for line in &mut self.lines {
                if line.poll(context).is_ready() {
                    found = Poll::Ready(());
                }
            }
            found
        })
        .await;
    }

    /// The node's attempt has ended, which is not durable yet.
    pub(crate) fn note_end(&mut self, node: NodeIx) {
        self.leaving.extend(self.places.remove(&node));
    }

    /// All ends that were noted are durable: others may take those places.
    pub(crate) fn leave(&mut self) {
        self.leaving.clear();
    }
}

fn suspicion(suspects: &HashMap<NodeIx, Suspect>, node: NodeIx, limit: u32) -> Suspicion {
    suspects.get(&node).copied().unwrap_or_default().suspicion(limit)
}

impl Line {
    fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.asked.is_empty() && self.found.is_none()
    }

    /// One that has room now.
    fn next(&mut self) -> Option<(Start, Room)> {
        self.found.take().or_else(|| self.asked.next().now_or_never().flatten())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.found.is_none()
            && let Poll::Ready(found) = self.asked.poll_next_unpin(context)
        {
            self.found = found;
        }
        if self.found.is_some() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("starts", &self.starts.len())
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}
