//! Which denials are written one by one: whoever is denied something again and again must not fill the audit, which is kept for good.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gathering_domain::UserId;
use tokio::time::Instant;

/// For how long denials of one user are counted together, and how many of them are written one by one.
const WINDOW: Duration = Duration::from_mins(1);
const ONE_BY_ONE: u64 = 30;
/// The most users that are counted; beyond that, those whose window is over are forgotten, and if there are none, every denial is written.
const MOST: usize = 10_000;

/// How often users of this instance were denied something of late.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<HashMap<UserId, Window>>);

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    count: u64,
}

impl Denials {
    /// Counts one, and says how many there were in this window if it is to be written: each of the first ones, and then the hundredth, the thousandth and so on.
    pub(crate) fn count(&self, user: UserId, now: Instant) -> Option<u64> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST && !windows.contains_key(&user) {
            windows.retain(|_, window| now.duration_since(window.began) < WINDOW);
            if windows.len() >= MOST {
                return Some(1);
            }
        }
        let window = windows.entry(user).or_insert(Window { began: now, count: 0 });
        if now.duration_since(window.began) >= WINDOW {
            *window = Window { began: now, count: 0 };
        }
        window.count += 1;
        let written = window.count <= ONE_BY_ONE || is_power_of_ten(window.count);
        written.then_some(window.count)
    }
}

fn is_power_of_ten(count: u64) -> bool {
    count.checked_ilog10().is_some_and(|power| count == 10_u64.pow(power))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_first_of_a_minute_are_written_and_then_ever_fewer_and_others_are_not_concerned() {
        let (denials, now) = (Denials::default(), Instant::now());
        let [eve, ada] = [1, 2].map(|number| UserId::from(Uuid::from_u128(number)));
        let written: Vec<u64> = (0..5_000).filter_map(|_| denials.count(eve, now)).collect();
        let wanted: Vec<u64> = (1..=30).chain([100, 1_000]).collect();
        assert_eq!(written, wanted);
        assert_eq!(denials.count(ada, now), Some(1));
        assert_eq!(denials.count(eve, now + WINDOW), Some(1));
    }

    #[test]
    fn where_there_are_too_many_users_to_be_counted_each_denial_is_written() {
        let (denials, now) = (Denials::default(), Instant::now());
        for number in 0..MOST as u128 {
            denials.count(UserId::from(Uuid::from_u128(number)), now);
        }
        let one_more = UserId::from(Uuid::from_u128(u128::MAX));
        assert!((0..100).all(|_| denials.count(one_more, now) == Some(1)));
        assert_eq!(denials.count(one_more, now + WINDOW), Some(1));
        assert_eq!(denials.0.lock().unwrap().len(), 1);
    }
}
