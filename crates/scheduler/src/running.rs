//! The loops of a working scheduler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gathering_persistence::{Listener, schedules};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ending::{Asked, Walk};
use crate::shared::Shared;
use crate::{Error, Handle, Scheduler};

/// How long until the database is tried again, when it is away.
const RETRY: Duration = Duration::from_millis(250);
/// How long, and how many times in a row, asking is put off while much is due: a second in all, because one project's backlog is not to hold up for long what waits of others.
const PUT_OFF: Duration = Duration::from_millis(50);
const MOST_PUT_OFF: u32 = 20;
/// The most schedules in the first transaction after a sleep: soon done, and it tells whether much is due.
const FIRST: u32 = 100;
/// The shortest sleep.
const MOMENT: Duration = Duration::from_millis(1);
/// How long until it is looked again for what another instance has locked.
const LOCKED: Duration = Duration::from_millis(20);
/// How often firings are asked about while something waits for them to end.
const HURRY: Duration = Duration::from_millis(20);
/// Asking in vain takes at most this part of the time, however many firings are open.
const SHARE: u32 = 10;

/// Starts the loops.
pub(crate) fn start(scheduler: &Scheduler, started: Arc<AtomicBool>) -> Handle {
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    if let Some(listener) = scheduler.shared.listener.clone() {
        let listening = listen(listener, scheduler.shared.clone());
        tasks.spawn(until(stop.clone(), listening));
    }
    tasks.spawn(fire(scheduler.clone(), stop.clone()));
    tasks.spawn(settle(scheduler.clone(), stop.clone()));
    tasks.spawn(until(stop.clone(), scheduler.clone().keep_up()));
    let stopped = stop.clone();
    tasks.spawn(async move {
        stopped.cancelled().await;
        started.store(false, Ordering::Release);
    });
    tasks.close();
    Handle { stop, tasks }
}

/// Goes on until it is stopped, wherever that finds it.
async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// Fires what is due, and sleeps until the next due time, or until somebody says that something has changed.
async fn fire(scheduler: Scheduler, stop: CancellationToken) {
    let mut away = false;
    while !stop.is_cancelled() {
        let pause = match step(&scheduler, &stop).await {
            Ok(pause) => {
                away = false;
                pause
            }
            Err(error) => {
                if !away {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "due schedules cannot be read; it is tried again"
                    );
                }
                away = true;
                RETRY
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = scheduler.shared.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Fires; gives how long nothing more will be due. Never longer than the poll interval, because clocks are set.
async fn step(scheduler: &Scheduler, stop: &CancellationToken) -> Result<Duration, Error> {
    let looked = scheduler.fire_up_to(scheduler.shared.limits.batch.min(FIRST)).await?;
    if looked.more {
        scheduler.shared.much_is_due.store(true, Ordering::Relaxed);
        let fired = fire_much(scheduler, stop).await;
        scheduler.shared.much_is_due.store(false, Ordering::Relaxed);
        fired?;
    }
    let shared = &scheduler.shared;
    let client = shared.connection().await?;
    let (next, now) = schedules::next_wake(&client, shared.given_now()).await?;
    let longest = shared.limits.poll_interval;
    let until = next.map_or(longest, |next| {
        Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO)
    });
    // What is due and was not to be had is another instance's, which is about to be done with it.
    let is_anothers = until.is_zero() && looked.schedules == 0;
    let least = if is_anothers { LOCKED } else { MOMENT };
    Ok(until.clamp(least, longest))
}

/// Fires as long as there is more than one transaction takes. While the database works on the one, the other decides on its own: rows that are locked are skipped.
async fn fire_much(scheduler: &Scheduler, stop: &CancellationToken) -> Result<(), Error> {
    while !stop.is_cancelled() {
        let (one, other) = tokio::join!(scheduler.fire_due(), scheduler.fire_due());
        if !(one?.more || other?.more) {
            break;
        }
    }
    Ok(())
}

/// Asks which firings have ended.
async fn settle(scheduler: Scheduler, stop: CancellationToken) {
    let usual = scheduler.shared.limits.ending_interval;
    let (mut put_off, mut walk) = (0, Walk::default());
    while !stop.is_cancelled() {
        // What is due comes first, for a while.
        if scheduler.shared.much_is_due.load(Ordering::Relaxed) && put_off < MOST_PUT_OFF {
            put_off += 1;
            tokio::time::sleep(PUT_OFF).await;
            continue;
        }
        let began = Instant::now();
        let (asked, waits) = match scheduler.settle_and_look(&mut walk).await {
            Ok(settled) => settled,
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "it cannot be read which firings have ended"
                );
                (Asked::default(), false)
            }
        };
        let least = rest(began.elapsed(), asked);
        if asked.more {
            // Nothing of what is due is put off for the rest of a walk, nor the walk for that.
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(least) => {}
            }
            continue;
        }
        put_off = 0;
        tokio::select! {
            () = stop.cancelled() => {}
            () = scheduler.shared.hurry.notified() => tokio::time::sleep(least.max(HURRY)).await,
            () = tokio::time::sleep(least.max(if waits { HURRY } else { usual })) => {}
        }
    }
}

/// How long asking rests after a step that took so long: the longer, the more it asked in vain.
fn rest(took: Duration, Asked { firings, ended, .. }: Asked) -> Duration {
    let in_vain = firings.saturating_sub(ended);
    let share = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    took * SHARE * share(in_vain) / share(firings).max(1)
}

impl Scheduler {
    /// Settles some, and gives whether anything waits for more to end.
    async fn settle_and_look(&self, walk: &mut Walk) -> Result<(Asked, bool), Error> {
        let asked = self.settle_some(walk).await?;
        Ok((asked, schedules::any_waiting(&self.shared.connection().await?).await?))
    }
}

async fn listen(listener: Listener, shared: Arc<Shared>) {
    loop {
        if let Err(error) = listener.listen(|| shared.wake.notify_one()).await {
            tracing::debug!(%error, "nobody tells of changed schedules now; they are looked for at intervals");
        }
        tokio::time::sleep(RETRY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_rests_the_longer_the_more_it_asks_in_vain() {
        let took = Duration::from_millis(10);
        let after = |firings, ended| {
            let more = true;
            rest(took, Asked { firings, ended, more })
        };
        assert_eq!(after(1_000, 0), took * SHARE);
        assert_eq!(after(1_000, 500), took * SHARE / 2);
        assert_eq!(after(1_000, 1_000), Duration::ZERO);
        assert_eq!(after(0, 0), Duration::ZERO);
    }
}
