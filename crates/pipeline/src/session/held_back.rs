//! The starts of a run that lost a process: each waits here until it has room, and is written down only then.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use gathering_domain::pipeline::NodeIx;
use gathering_domain::planner::Start;
use gathering_domain::quarantine::Suspicion;

use super::attempts::{Attempts, Permits};
use super::trials::{Place, Trials};

/// What is watched of a run that lost a process; as large as the run's nodes at most.
#[derive(Debug)]
pub(crate) struct HeldBack {
    /// One for each degree of suspicion, so that who has to wait longest keeps nobody else waiting.
    lines: [Line; 3],
    /// How many processes died under each node; those under which none did are not in it.
    deaths: HashMap<NodeIx, u32>,
    /// With how many of them a node goes into quarantine.
    limit: u32,
    /// The places of the attempts that are under way.
    places: HashMap<NodeIx, Place>,
    /// The places of attempts that have ended. They are kept until that is durable: else the next node on trial could take the process
    /// along, and the death would be counted against one that is done.
    leaving: Vec<Place>,
}

/// What an attempt needs before it may start.
#[derive(Debug)]
pub(crate) struct Room {
    permits: Permits,
    place: Place,
}

#[derive(Default)]
struct Line {
    starts: VecDeque<Start>,
    /// The first one's, waited for.
    wanted: Option<BoxFuture<'static, Room>>,
    /// The first one's, once it is there.
    found: Option<Room>,
}

impl HeldBack {
    /// Nothing yet, of a run under whose nodes so many processes died.
    pub(crate) fn new(deaths: HashMap<NodeIx, u32>, limit: u32) -> Self {
        Self {
            lines: Default::default(),
            deaths,
            limit,
            places: HashMap::new(),
            leaving: Vec::new(),
        }
    }

    /// Another process died under the node; gives how many did in all.
    pub(crate) fn note_death(&mut self, node: NodeIx) -> u32 {
        let deaths = self.deaths.entry(node).or_default();
        *deaths = deaths.saturating_add(1);
        *deaths
    }

    /// The node was released from quarantine.
    pub(crate) fn forget_deaths(&mut self, node: NodeIx) {
        self.deaths.remove(&node);
    }

    /// Puts a start into the line of its kind.
    pub(crate) fn add(&mut self, start: Start) {
        let line = self.suspicion(start.node) as usize;
        self.lines[line].starts.push_back(start);
    }

    /// Whether nothing waits here.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.starts.is_empty())
    }

    /// Takes the starts that have room now.
    pub(crate) fn take_ready(&mut self, attempts: &Attempts, trials: &Trials) -> Vec<(Start, Permits)> {
        let mut ready = Vec::new();
        for suspicion in [Suspicion::None, Suspicion::Slight, Suspicion::Strong] {
            let line = &mut self.lines[suspicion as usize];
            while let Some((start, room)) = line.next(|| room(suspicion, attempts, trials)) {
                self.places.insert(start.node, room.place);
                ready.push((start, room.permits));
            }
        }
        ready
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

    fn suspicion(&self, node: NodeIx) -> Suspicion {
        Suspicion::after(self.deaths.get(&node).copied().unwrap_or_default(), self.limit)
    }
}

impl Line {
    /// The first start, if it has room at once.
    fn next(&mut self, room: impl FnOnce() -> BoxFuture<'static, Room>) -> Option<(Start, Room)> {
        if self.starts.is_empty() {
            return None;
        }
        if self.found.is_none() {
            self.found = self.wanted.get_or_insert_with(room).now_or_never();
        }
        let room = self.found.take()?;
        self.wanted = None;
        Some((self.starts.pop_front()?, room))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.found.is_none() {
            let Some(wanted) = &mut self.wanted else {
                return Poll::Pending;
            };
            self.found = Some(std::task::ready!(wanted.poll_unpin(context)));
            self.wanted = None;
        }
        Poll::Ready(())
    }
}

/// The place first: who has permits then works, and who waits for a place keeps no permit from others.
fn room(suspicion: Suspicion, attempts: &Attempts, trials: &Trials) -> BoxFuture<'static, Room> {
    let (place, permits) = (trials.place(suspicion), attempts.permits());
    Box::pin(async move {
        let place = place.await;
        let permits = permits.await;
        Room { permits, place }
    })
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("starts", &self.starts.len())
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}
