//! The versions of pipelines that this instance cannot run, because it has no handler for an action of theirs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use gathering_domain::PipelineId;
use gathering_persistence::runs::Versions;
use jiff::{SignedDuration, Timestamp};

/// The most versions that are remembered; of more the oldest is forgotten, and found again when a run of it is claimed.
const MAX_EXCLUDED: usize = 1_000;
/// How long one is remembered: then one claim finds it again, and the log says so again.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The versions that are not to be claimed.
#[derive(Debug, Default)]
pub(crate) struct Excluded {
    since: Mutex<HashMap<(PipelineId, i32), Timestamp>>,
    /// Whether there are any: starts ask, and nearly always there are none.
    any: AtomicBool,
}

impl Excluded {
    /// `true` when it was not excluded already.
    pub(crate) fn add(&self, pipeline: PipelineId, version: i32, now: Timestamp) -> bool {
        let Ok(mut since) = self.since.lock() else { return false };
        forget_old(&mut since, now);
        if since.contains_key(&(pipeline, version)) {
            return false;
        }
        if since.len() >= MAX_EXCLUDED
            && let Some(oldest) = since.iter().min_by_key(|(_, since)| **since).map(|(key, _)| *key)
        {
            since.remove(&oldest);
        }
        since.insert((pipeline, version), now);
        self.any.store(true, Ordering::Release);
        true
    }

    /// Whether a start of this version (`None`: the latest, whichever that is) may be of one.
    pub(crate) fn may_have(&self, pipeline: PipelineId, version: Option<i32>) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        self.since.lock().is_ok_and(|since| match version {
            Some(version) => since.contains_key(&(pipeline, version)),
            None => since.keys().any(|(excluded, _)| *excluded == pipeline),
        })
    }

    /// All of them, for a statement that claims.
    pub(crate) fn versions(&self, now: Timestamp) -> Versions {
        let Ok(mut since) = self.since.lock() else {
            return Versions::default();
        };
        forget_old(&mut since, now);
        self.any.store(!since.is_empty(), Ordering::Release);
        since.keys().copied().collect()
    }
}

fn forget_old(since: &mut HashMap<(PipelineId, i32), Timestamp>, now: Timestamp) {
    since.retain(|_, since| now.duration_since(*since) < REMEMBERED_FOR);
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
        assert!(excluded.add(pipeline(1), 2, T));
        assert!(!excluded.add(pipeline(1), 2, T), "the log has said it");
        assert!(excluded.may_have(pipeline(1), None) && excluded.may_have(pipeline(1), Some(2)));
        assert!(!excluded.may_have(pipeline(1), Some(3)) && !excluded.may_have(pipeline(2), None));
        assert_eq!(excluded.versions(T + REMEMBERED_FOR).len(), 0);
        assert!(excluded.add(pipeline(1), 2, T + REMEMBERED_FOR));
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let excluded = Excluded::default();
        let mut now = T;
        for number in 0..=1_000 {
            excluded.add(pipeline(number), 1, now);
            now += SignedDuration::from_millis(1);
        }
        assert_eq!(excluded.versions(now).len(), MAX_EXCLUDED);
        assert!(!excluded.may_have(pipeline(0), None) && excluded.may_have(pipeline(1_000), None));
    }
}
