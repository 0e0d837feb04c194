//! What is to go wrong, and when: decided by the seed before anything runs.

use std::fmt;
use std::time::Duration;

use gathering_testkit::Shutdown;

use crate::chance::Chance;

/// How many kinds of faults one seed gets.
const FAULTS: usize = 6;

/// How long an instance may be silent here; the product's default would make each seed take minutes.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// One thing that goes wrong. Instances are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9`, and a new process some time later.
    Kill { instance: usize, down: Duration },
    /// As often, at short intervals.
    KillAgainAndAgain { instance: usize, times: usize },
    /// Cut off from the database, and killed then: what it had sent never arrives.
    KillCutOff { instance: usize, silent: Duration },
    /// Cut off from the database, and killed then: what it had sent arrives when others have long taken over.
    KillAndArriveLate { instance: usize, late: Duration },
    /// SIGSTOP, and SIGCONT some time later.
    Pause { instance: usize, pause: Duration },
    /// Nothing passes between an instance and the database, and then everything that waited.
    FallSilent { instance: usize, silent: Duration },
    /// Connections that end after the database has done what was asked, and before it says so.
    LoseAnswers {
        instance: usize,
        times: usize,
        count: usize,
    },
    /// The database stops and is started again; `None` kills it.
    StopDatabase { how: Option<Shutdown>, away: Duration },
    /// Sessions are ended by the database, so many at a time.
    EndSessions { times: usize, most: i64 },
    /// Somebody locks a table against writes.
    LockTable { table: Table, held: Duration },
    /// A transaction stays open, with locks on the heads of runs.
    OpenTransaction { open: Duration },
    /// Many runs are started at once.
    Burst { runs: usize },
    /// SIGTERM: runs are handed over.
    Terminate { instance: usize },
    /// The clock of an instance jumps, and stays there until everything is well again.
    StepClock { instance: usize, seconds: i64 },
    /// A node under which three processes die.
    NodeKills,
}

/// A table that everybody writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Runs,
    Journal,
    Instances,
}

impl Table {
    /// Takes the lock.
    pub(crate) fn lock(self) -> &'static str {
        match self {
            Self::Runs => "LOCK TABLE runs IN EXCLUSIVE MODE",
            Self::Journal => "LOCK TABLE run_journal IN EXCLUSIVE MODE",
            Self::Instances => "LOCK TABLE instances IN EXCLUSIVE MODE",
        }
    }
}

/// The faults of a seed, in their order, each with how long everything goes well before it.
pub(crate) fn schedule(seed: u64, instances: usize) -> Vec<(Duration, Fault)> {
    let chance = Chance::new(seed, 1);
    let mut kinds: Vec<usize> = (0..KINDS).collect();
    chance.shuffle(&mut kinds);
    let mut faults: Vec<Fault> = kinds[..FAULTS]
        .iter()
        .map(|kind| draw(*kind, &chance, instances))
        .collect();
    // It takes as long as two others.
    if seed % 4 == 3 {
        faults.truncate(FAULTS - 2);
        faults.push(Fault::NodeKills);
    }
    faults
        .into_iter()
        .map(|fault| (chance.millis(100, 400), fault))
        .collect()
}

const KINDS: usize = 16;

/// The first of them.
const KINDS_OF_ONE: usize = 11;

/// How far a clock jumps at most, in seconds. When a retry or a delay is due is told by the clock of the instance that wrote it: a run that goes
/// on at one that lags waits by so much longer, and must still come to its end within the rest.
const FARTHEST: usize = 25;

fn draw(kind: usize, chance: &Chance, instances: usize) -> Fault {
    let instance = chance.below(instances);
    if kind < KINDS_OF_ONE {
        of_one(kind, chance, instance)
    } else {
        of_all(kind, chance)
    }
}

/// What goes wrong with one instance.
fn of_one(kind: usize, chance: &Chance, instance: usize) -> Fault {
    match kind {
        0 => Fault::Kill {
            instance,
            down: chance.millis(0, 1500),
        },
        1 => Fault::KillAgainAndAgain {
            instance,
            times: 2 + chance.below(3),
        },
        2 => Fault::KillCutOff {
            instance,
            silent: chance.millis(50, 500),
        },
        3 => Fault::KillAndArriveLate {
            instance,
            late: chance.millis(1200, 2500),
        },
        4 => Fault::Pause {
            instance,
            pause: chance.millis(200, 1500),
        },
        5 => Fault::Pause {
            instance,
            pause: LEASE + chance.millis(500, 1500),
        },
        6 => Fault::FallSilent {
            instance,
            silent: chance.millis(200, 1500),
        },
        7 => Fault::FallSilent {
            instance,
            silent: LEASE + chance.millis(500, 1500),
        },
        8 => Fault::LoseAnswers {
            instance,
            times: 3 + chance.below(5),
            count: 1 + chance.below(4),
        },
        9 => {
            let seconds = i64::try_from(10 + chance.below(FARTHEST - 10)).unwrap_or_default();
            Fault::StepClock {
                instance,
                seconds: if chance.percent(50) { seconds } else { -seconds },
            }
        }
        _ => Fault::Terminate { instance },
    }
}

/// What goes wrong for all of them.
fn of_all(kind: usize, chance: &Chance) -> Fault {
    match kind {
        11 => Fault::StopDatabase {
            how: [Some(Shutdown::Fast), Some(Shutdown::Immediate), None][chance.below(3)],
            away: chance.millis(0, 1500),
        },
        12 => Fault::EndSessions {
            times: 3 + chance.below(6),
            most: [1, 3, 100][chance.below(3)],
        },
        13 => Fault::LockTable {
            table: [Table::Runs, Table::Journal, Table::Instances][chance.below(3)],
            held: chance.millis(300, 1500),
        },
        14 => Fault::OpenTransaction {
            open: chance.millis(300, 1500),
        },
        _ => Fault::Burst {
            runs: 30 + chance.below(50),
        },
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { instance, down } => write!(f, "kill {instance} ({down:.1?} down)"),
            Self::KillAgainAndAgain { instance, times } => write!(f, "kill {instance} {times} times"),
            Self::KillCutOff { instance, silent } => write!(f, "cut {instance} off for {silent:.1?} and kill it"),
            Self::KillAndArriveLate { instance, late } => {
                write!(f, "kill {instance}, its statements arrive {late:.1?} late")
            }
            Self::Pause { instance, pause } => write!(f, "pause {instance} for {pause:.1?}"),
            Self::FallSilent { instance, silent } => write!(f, "silence before {instance} for {silent:.1?}"),
            Self::LoseAnswers { instance, times, count } => write!(f, "{times} × {count} answers to {instance} lost"),
            Self::StopDatabase { how: None, away } => write!(f, "database killed ({away:.1?} away)"),
            Self::StopDatabase {
                how: Some(Shutdown::Fast),
                away,
            } => write!(f, "database stopped fast ({away:.1?} away)"),
            Self::StopDatabase {
                how: Some(Shutdown::Immediate),
                away,
            } => write!(f, "database stopped at once ({away:.1?} away)"),
            Self::EndSessions { times, most } => write!(f, "{times} × up to {most} sessions ended"),
            Self::LockTable { table, held } => write!(f, "{table:?} locked for {held:.1?}"),
            Self::OpenTransaction { open } => write!(f, "transaction open for {open:.1?}"),
            Self::Burst { runs } => write!(f, "burst of {runs} runs"),
            Self::Terminate { instance } => write!(f, "SIGTERM {instance}"),
            Self::StepClock { instance, seconds } => write!(f, "clock of {instance} {seconds:+} s"),
            Self::NodeKills => write!(f, "a node kills three processes"),
        }
    }
}
