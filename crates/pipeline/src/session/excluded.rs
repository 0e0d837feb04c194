//! The versions of pipelines that this instance cannot run, because it has no handler for an action of theirs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gathering_domain::PipelineId;
use gathering_persistence::runs::Versions;
use jiff::{SignedDuration, Timestamp};

/// The most versions that are remembered; of more the oldest is forgotten, and found again when a run of it is claimed.
const MAX_EXCLUDED: usize = 1_000;
/// How long one is remembered: then one claim finds it again, and the log says so again.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(5);

/// How often it is looked whether the time of such a run is over.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// The versions that are not to be claimed.
#[derive(Debug, Default)]
pub(crate) struct Excluded {
    versions: Mutex<HashMap<(PipelineId, i32), Exclusion>>,
    /// Whether there are any: starts ask, and nearly always there are none.
    any: AtomicBool,
    /// When it was last looked whether the time of a run is over.
    looked: Mutex<Option<Timestamp>>,
}

#[derive(Debug, Clone, Copy)]
struct Exclusion {
    since: Timestamp,
    /// The timeout of its runs.
    timeout: Option<Duration>,
}

impl Excluded {
    /// `true` when it was not excluded already.
    pub(crate) fn add(&self, pipeline: PipelineId, version: i32, timeout: Option<Duration>, now: Timestamp) -> bool {
        let Ok(mut versions) = self.versions.lock() else {
            return false;
        };
        forget_old(&mut versions, now);
        if versions.contains_key(&(pipeline, version)) {
            return false;
        }
        if versions.len() >= MAX_EXCLUDED
            && let Some(oldest) = versions.iter().min_by_key(|(_, one)| one.since).map(|(key, _)| *key)
        {
            versions.remove(&oldest);
        }
        versions.insert((pipeline, version), Exclusion { since: now, timeout });
        self.any.store(true, Ordering::Release);
        true
    }

    /// Whether a start of this version (`None`: the latest, whichever that is) may be of one.
    pub(crate) fn may_have(&self, pipeline: PipelineId, version: Option<i32>) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        self.versions.lock().is_ok_and(|versions| match version {
            Some(version) => versions.contains_key(&(pipeline, version)),
            None => versions.keys().any(|(excluded, _)| *excluded == pipeline),
        })
    }

    /// All of them, for a statement that claims.
    pub(crate) fn versions(&self, now: Timestamp) -> Versions {
        let Ok(mut versions) = self.versions.lock() else {
            return Versions::default();
        };
        forget_old(&mut versions, now);
        self.any.store(!versions.is_empty(), Ordering::Release);
        versions.keys().copied().collect()
    }

    /// Those whose runs have a timeout, with it; none when it was just looked whether one is over, because that reads all of the queue.
    pub(crate) fn to_time_out(&self, now: Timestamp) -> Vec<(PipelineId, i32, Duration)> {
        if !self.any.load(Ordering::Acquire) || !self.is_time_to_look(now) {
            return Vec::new();
        }
        let timed = |(key, one): (&(PipelineId, i32), &Exclusion)| Some((key.0, key.1, one.timeout?));
        let versions = self.versions.lock();
        versions.map_or_else(|_| Vec::new(), |versions| versions.iter().filter_map(timed).collect())
    }

    fn is_time_to_look(&self, now: Timestamp) -> bool {
        let Ok(mut looked) = self.looked.lock() else {
            return false;
        };
        let just_now = |last: Timestamp| (SignedDuration::ZERO..LOOK_EVERY).contains(&now.duration_since(last));
        let is_time = !looked.is_some_and(just_now);
        if is_time {
            *looked = Some(now);
        }
        is_time
    }
}

fn forget_old(versions: &mut HashMap<(PipelineId, i32), Exclusion>, now: Timestamp) {
    versions.retain(|_, one| now.duration_since(one.since) < REMEMBERED_FOR);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const T: Timestamp = Timestamp::UNIX_EPOCH;

    fn pipeline(number: u128) -> PipelineId {
        PipelineId::from(Uuid::from_u128(number))
    }

    #[test]
    fn a_version_is_excluded_for_a_while_and_then_told_anew() {
        let excluded = Excluded::default();
        assert!(excluded.add(pipeline(1), 2, None, T));
        assert!(!excluded.add(pipeline(1), 2, None, T), "the log has said it");
        assert!(excluded.may_have(pipeline(1), None) && excluded.may_have(pipeline(1), Some(2)));
        assert!(!excluded.may_have(pipeline(1), Some(3)) && !excluded.may_have(pipeline(2), None));
        assert_eq!(excluded.versions(T + REMEMBERED_FOR).len(), 0);
        assert!(excluded.add(pipeline(1), 2, None, T + REMEMBERED_FOR));
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let excluded = Excluded::default();
        let mut now = T;
        for number in 0..=1_000 {
            excluded.add(pipeline(number), 1, None, now);
            now += SignedDuration::from_millis(1);
        }
        assert_eq!(excluded.versions(now).len(), MAX_EXCLUDED);
        assert!(!excluded.may_have(pipeline(0), None) && excluded.may_have(pipeline(1_000), None));
    }

    #[test]
    fn whether_a_time_is_over_is_looked_at_once_a_second() {
        let excluded = Excluded::default();
        assert!(excluded.to_time_out(T).is_empty());
        excluded.add(pipeline(1), 1, None, T);
        excluded.add(pipeline(2), 3, Some(Duration::from_secs(5)), T);
        assert_eq!(excluded.to_time_out(T), [(pipeline(2), 3, Duration::from_secs(5))]);
        assert!(excluded.to_time_out(T + SignedDuration::from_millis(999)).is_empty());
        assert_eq!(excluded.to_time_out(T + LOOK_EVERY).len(), 1);
        assert_eq!(excluded.to_time_out(T - LOOK_EVERY).len(), 1, "the clock was set back");
    }
}
