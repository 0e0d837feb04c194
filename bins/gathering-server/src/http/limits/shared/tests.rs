//! The script in a real Redis decides as its model does.

use std::num::NonZeroU32;

use gathering::Entropy as _;
use gathering_testkit::{SeededEntropy, TestRedis};

use super::*;

async fn link(redis: &TestRedis) -> Link {
    let address = Address::parse(&redis.url()).unwrap();
    Link::open(&address, "probe", Duration::from_secs(10)).await.unwrap()
}

/// The microseconds in what `TIME` answers: two numbers, each on a line of its own.
fn micros(reply: &str) -> u64 {
    let numbers: Vec<u64> = reply.lines().filter_map(|line| line.trim().parse().ok()).collect();
    numbers[0] * 1_000_000 + numbers[1]
}

/// What a key holds, if anything.
async fn stored(redis: &TestRedis, key: &str) -> Option<u64> {
    let reply = redis.command(&["GET", key]).await;
    reply.lines().nth(1).map(|line| line.trim().parse().unwrap())
}

#[tokio::test]
async fn the_script_decides_as_the_model_does_whatever_the_limit_and_whatever_was_used() {
    let (redis, chance) = (TestRedis::start().await, SeededEntropy::new(7));
    let link = link(&redis).await;
    let mut kinds = [0, 0];
    for round in 0..60 {
        let mut bytes = [0; 4];
        chance.fill(&mut bytes);
        // From some microseconds to an hour for one request, so that some come back while the test asks.
        let pace = Pace {
            each: u64::from(bytes[1]) * 10u64.pow(u32::from(bytes[2]) % 8) + 1,
            burst: u32::from(bytes[0] % 6) + 1,
        };
        let key = format!("k{round}");
        for _ in 0..10 {
            let before = (stored(&redis, &key).await, micros(&redis.command(&["TIME"]).await));
            let decision = link.decide(&key, pace).await.unwrap();
            let after = micros(&redis.command(&["TIME"]).await);
            // The script's own time lies between the two, and all that it decides only grows, or only shrinks, with time.
            let [(first, low), (last, high)] = [before.1, after].map(|now| gcra::decide(pace, before.0, now));
            let told = format!("{pace:?} {before:?} {after} {decision:?}");
            assert!(first.0 <= decision.0 && decision.0 <= last.0, "{told}");
            assert!(last.1 <= decision.1 && decision.1 <= first.1, "{told}");
            assert!(first.2 <= decision.2 && decision.2 <= last.2, "{told}");
            let kept = stored(&redis, &key).await;
            assert!(kept.is_none_or(|free| (low..=high).contains(&free)), "{told} {kept:?}");
            kinds[usize::from(decision.0)] += 1;
        }
    }
    assert!(kinds[0] > 50 && kinds[1] > 50, "{kinds:?}");
}

#[tokio::test]
async fn what_is_stored_is_exact_and_lives_no_longer_than_the_limit() {
    let redis = TestRedis::start().await;
    let link = link(&redis).await;
    let pace = Pace {
        each: 3_600_000_000,
        burst: 3,
    };
    for left in [2, 1, 0] {
        assert_eq!(link.decide("k", pace).await.unwrap(), (1, 0, left));
    }
    let free = stored(&redis, "k").await.unwrap();
    let ttl = redis.command(&["PTTL", "k"]).await;
    let ttl: u64 = ttl.trim().trim_start_matches(':').parse().unwrap();
    let window = pace.each * 3;
    assert!(ttl * 1000 <= window && ttl * 1000 > window - 60_000_000, "{ttl}");
    let (allowed, wait, left) = link.decide("k", pace).await.unwrap();
    assert!(
        (allowed, left) == (0, 0) && wait <= pace.each && wait > pace.each - 60_000_000,
        "{wait}"
    );
    assert_eq!(stored(&redis, "k").await, Some(free));
}

#[tokio::test]
async fn a_stored_time_that_lies_too_far_ahead_is_brought_back() {
    let redis = TestRedis::start().await;
    let link = link(&redis).await;
    let far = micros(&redis.command(&["TIME"]).await) + 9_000_000_000_000;
    redis.command(&["SET", "k", &far.to_string()]).await;
    let pace = Pace {
        each: 60_000_000,
        burst: 2,
    };
    assert_eq!(link.decide("k", pace).await.unwrap(), (0, pace.each, 0));
    assert!(stored(&redis, "k").await.unwrap() < far - 8_000_000_000_000);
}

#[tokio::test]
async fn a_script_that_redis_forgot_is_sent_again() {
    let redis = TestRedis::start().await;
    let link = link(&redis).await;
    let pace = Pace {
        each: 3_600_000_000,
        burst: 2,
    };
    assert_eq!(link.decide("k", pace).await.unwrap().2, 1);
    redis.command(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(link.decide("k", pace).await.unwrap(), (1, 0, 0));
    assert_eq!(link.decide("k", pace).await.unwrap().0, 0);
}

#[tokio::test]
async fn a_node_of_a_cluster_that_has_no_keys_leads_to_the_one_that_has_them() {
    let (empty, full) = (
        TestRedis::start_with(&["--cluster-enabled", "yes"]).await,
        TestRedis::start_with(&["--cluster-enabled", "yes"]).await,
    );
    full.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    empty
        .command(&["CLUSTER", "MEET", "127.0.0.1", &full.port().to_string()])
        .await;
    gathering_testkit::eventually(
        "both know that all slots are served",
        Duration::from_secs(30),
        async || {
            let told = [
                empty.command(&["CLUSTER", "INFO"]).await,
                full.command(&["CLUSTER", "INFO"]).await,
            ];
            let served = |info: &String| info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2");
            told.iter().all(served)
        },
    )
    .await;
    let shared = Shared::start(Address::parse(&empty.url()).unwrap(), "7@5").await;
    let rate = Rate {
        requests: NonZeroU32::new(1).unwrap(),
        per: Duration::from_hours(1),
    };
    for (tier, key) in [("auth", Key::V4(1)), ("login", Key::Login(2)), ("read", Key::User(3))] {
        assert!(shared.check(tier, rate, key).await.unwrap().is_ok());
        assert!(shared.check(tier, rate, key).await.unwrap().is_err());
    }
    gathering_testkit::eventually("one key for each is left", Duration::from_secs(10), async || {
        full.command(&["DBSIZE"]).await.trim() == ":3"
    })
    .await;
}
