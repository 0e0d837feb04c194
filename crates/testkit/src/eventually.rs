//! Waiting for something to become true, without sleeping blindly.

use std::time::Duration;

use tokio::time::Instant;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until `condition` holds; fails the test, naming `what` was waited for, once `limit` has passed.
pub async fn eventually(what: &str, limit: Duration, mut condition: impl AsyncFnMut() -> bool) {
    until(what, limit, async || condition().await.then_some(())).await;
}

/// Looks until `look` finds something, and returns that; fails the test, naming `what`, once `limit` has passed.
pub async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
