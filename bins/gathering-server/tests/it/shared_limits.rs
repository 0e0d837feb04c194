//! Limits that two servers on one database count together, in a real Redis that dies, halts and comes back.

use std::time::Duration;

use futures::future::join_all;
use gathering_testkit::{TestRedis, eventually};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{Answer, Raw, Site};

const LIMIT: Duration = Duration::from_secs(30);
const AWAY: &str = "the Redis of shared rate limits is away";
const FALLBACKS: &str = "gathering_rate_limit_fallbacks_total";
const BACK: &str = "the Redis of shared rate limits is back";
/// Limits of which nothing comes back while a test lasts.
const LOGINS: [(&str, &str); 2] = [
    ("GATHERING_RATE_LIMIT_AUTH", "6/1h"),
    ("GATHERING_RATE_LIMIT_LOGIN", "4/1h"),
];

/// Two servers that count together in one Redis.
struct Pair {
    redis: TestRedis,
    sites: [Site; 2],
}

impl Pair {
    async fn start(limits: &[(&str, &str)]) -> Self {
        let redis = TestRedis::start().await;
        let sites = pair(&redis.url(), limits).await;
        Self { redis, sites }
    }

    /// How many requests were not counted together.
    async fn fallbacks(&self) -> u64 {
        let mut all = 0;
        for site in &self.sites {
            all += metric(site, FALLBACKS).await.parse::<u64>().unwrap();
        }
        all
    }

    async fn are_shared(&self, wanted: bool) {
        for site in &self.sites {
            is_shared(site, wanted).await;
        }
    }
}

/// What comes of a story in which Redis was never too slow. A busy machine may make it so, and then the story is told again.
async fn undisturbed<T>(limits: &[(&str, &str)], story: impl AsyncFn(&Pair) -> T) -> (Pair, T) {
    let mut tries = 0;
    loop {
        let pair = Pair::start(limits).await;
        let told = story(&pair).await;
        let fallbacks = pair.fallbacks().await;
        if fallbacks == 0 {
            return (pair, told);
        }
        tries += 1;
        assert!(tries < 5, "Redis was too slow each time, at last {fallbacks} times");
    }
}

/// How so many logins are answered, each of another account, sent to both in turn.
async fn logins(pair: &Pair, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for number in 0..count {
        let email = format!("{number}@example.org");
        statuses.push(login(&pair.sites[number % 2], &email).await.status);
    }
    statuses
}

async fn pair(url: &str, limits: &[(&str, &str)]) -> [Site; 2] {
    let mut variables = vec![
        ("GATHERING_RATE_LIMITS", "on"),
        ("GATHERING_REDIS_URL", url),
        ("GATHERING_METRICS_LISTEN", "127.0.0.1:0"),
    ];
    variables.extend(limits);
    let one = Site::start_with(&variables).await;
    let two = one.beside_with(&variables).await;
    [one, two]
}

/// The value of a metric, as it stands now.
async fn metric(site: &Site, name: &str) -> String {
    let url = format!("{}/metrics", crate::metrics::address(&site.log()));
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_default().to_owned()
}

async fn is_shared(site: &Site, wanted: bool) {
    let wanted = u8::from(wanted).to_string();
    eventually("it is known whether limits are shared", LIMIT, async || {
        metric(site, "gathering_rate_limits_shared").await == wanted
    })
    .await;
}

async fn login(site: &Site, email: &str) -> Answer {
    let body = json!({"email": email, "password": "wrong wrong wrong wrong"});
    site.send("POST", "/api/v1/auth/login", Some(&body)).await
}

async fn list(site: &Site) -> Answer {
    site.send("GET", "/api/v1/pipelines", None).await
}

/// How many lines of the log hold this.
fn lines(site: &Site, text: &str) -> usize {
    site.log().lines().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn of_requests_that_go_to_two_servers_in_turn_as_many_are_allowed_as_of_one_and_both_tell_the_same() {
    let (pair, told) = undisturbed(&LOGINS, async |pair| {
        let mut told = Vec::new();
        for number in 0..12 {
            let answer = login(&pair.sites[number % 2], &format!("{number}@example.org")).await;
            told.push((answer.status, answer.header("ratelimit-remaining")));
        }
        let one = login(&pair.sites[0], "x@example.org").await;
        (told, one, login(&pair.sites[1], "x@example.org").await)
    })
    .await;
    let (told, one, two) = told;
    let expected = (0..12).map(|number: usize| match 5usize.checked_sub(number) {
        // Of two limits the client is told of the one with less left: at first that of the account, which is new each time.
        Some(left) => (401, left.min(3).to_string()),
        None => (429, "0".to_owned()),
    });
    assert_eq!(told, expected.collect::<Vec<_>>());
    let wait = [&one, &two].map(|answer| answer.header("retry-after").parse::<u64>().unwrap());
    assert!((500..=600).contains(&wait[0]) && wait[0] - wait[1] <= 5, "{wait:?}");
    for header in ["ratelimit-limit", "ratelimit-remaining"] {
        assert_eq!(one.header(header), two.header(header));
    }
    assert_eq!(one.header("retry-after"), one.header("ratelimit-reset"));
    let keys = pair.redis.command(&["KEYS", "*"]).await;
    assert!(!keys.contains("example") && !keys.contains("127.0.0.1"), "{keys}");
}

#[tokio::test]
async fn of_requests_that_go_to_two_servers_at_once_as_many_are_allowed_as_of_one() {
    let (_pair, statuses) = undisturbed(&[("GATHERING_RATE_LIMIT_READ", "40/1h")], async |pair| {
        let ada = pair.sites[0].with_user("ada@example.org").await;
        let users = [ada.clone(), pair.sites[1].with_token(ada.token())];
        join_all((0..80).map(async |number: usize| list(&users[number % 2]).await.status)).await
    })
    .await;
    let with = |wanted| statuses.iter().filter(|&&status| status == wanted).count();
    assert_eq!((with(200), with(429)), (40, 40), "{statuses:?}");
}

#[tokio::test]
async fn where_the_redis_is_killed_each_server_limits_by_itself_at_once_and_together_again_when_it_is_back() {
    const ONCE: [u16; 8] = [401, 401, 401, 401, 401, 401, 429, 429];
    let (mut pair, before) = undisturbed(&LOGINS, async |pair| logins(pair, 8).await).await;
    assert_eq!(before, ONCE);
    pair.redis.kill9();
    // What was counted together is not known here, so there is one more burst for each.
    for site in &pair.sites {
        let mut statuses = Vec::new();
        for number in 0..8 {
            statuses.push(login(site, &format!("{number}@example.org")).await.status);
        }
        assert_eq!(statuses, ONCE);
        assert_eq!((lines(site, AWAY), lines(site, BACK)), (1, 0));
    }
    pair.are_shared(false).await;
    pair.redis.restart().await;
    pair.are_shared(true).await;
    // Of itself each server would refuse; Redis is empty, and counts both from anew.
    assert_eq!(logins(&pair, 8).await, ONCE);
    for site in &pair.sites {
        assert_eq!((lines(site, AWAY), lines(site, BACK)), (1, 1));
    }
    assert!(pair.fallbacks().await >= 16);
}

#[tokio::test]
async fn a_redis_that_accepts_and_never_answers_is_waited_for_once_and_then_by_nobody() {
    let Pair { redis, sites } = Pair::start(&[("GATHERING_RATE_LIMIT_READ", "1000/1h")]).await;
    redis.pause();
    // Those that were under way together wait together.
    let started = Instant::now();
    let statuses = join_all((0..50).map(async |_| list(&sites[0]).await.status)).await;
    assert!(statuses.iter().all(|&status| status == 401), "{statuses:?}");
    let together = started.elapsed();
    is_shared(&sites[0], false).await;
    // Had each waited, a hundred in turn would have taken five seconds more than these.
    let started = Instant::now();
    for _ in 0..100 {
        assert_eq!(list(&sites[0]).await.status, 401);
        assert_eq!(sites[0].raw(Raw::get("/health/live")).await.status, 200);
    }
    let in_turn = started.elapsed();
    assert!(
        in_turn < Duration::from_secs(5),
        "{in_turn:?}, and {together:?} together"
    );
    assert_eq!(lines(&sites[0], AWAY), 1);
    redis.resume();
    is_shared(&sites[0], true).await;
    assert_eq!(list(&sites[0]).await.status, 401);
}

#[tokio::test]
async fn health_is_never_counted_elsewhere() {
    let Pair { redis, sites } = Pair::start(&[("GATHERING_RATE_LIMIT_HEALTH", "2/1h")]).await;
    for site in &sites {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(site.raw(Raw::get("/health/live")).await.status);
        }
        assert_eq!(statuses, [200, 200, 429]);
        assert_eq!(metric(site, FALLBACKS).await, "0");
    }
    eventually("no key was made for it", LIMIT, async || {
        redis.command(&["DBSIZE"]).await.trim() == ":0"
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_or_no_redis_at_all_is_no_reason_not_to_start_and_no_password_is_logged() {
    let redis = TestRedis::start_with(&["--requirepass", "r3dis-s3cret"]).await;
    let address = format!("127.0.0.1:{}", redis.port());
    for (url, shared) in [
        (format!("redis://:wr0ng-s3cret@{address}"), false),
        ("redis://:wr0ng-s3cret@127.0.0.1:1".to_owned(), false),
        (format!("redis://:r3dis-s3cret@{address}"), true),
    ] {
        let mut all = LOGINS.to_vec();
        all.push(("GATHERING_LOG_FILTER", "trace"));
        let sites = pair(&url, &all).await;
        for site in &sites {
            is_shared(site, shared).await;
            assert_eq!(lines(site, AWAY), usize::from(!shared));
        }
        let mut statuses = Vec::new();
        for number in 0..14 {
            statuses.push(login(&sites[number % 2], &format!("{number}@example.org")).await.status);
        }
        let allowed = statuses.iter().filter(|&&status| status == 401).count();
        assert_eq!(allowed, if shared { 6 } else { 12 }, "{url}");
        for site in &sites {
            assert!(!site.log().contains("s3cret"), "{url}");
        }
    }
}

#[tokio::test]
async fn keys_go_by_themselves_when_the_window_is_over() {
    let rates = [
        ("GATHERING_RATE_LIMIT_READ", "5/1s"),
        ("GATHERING_RATE_LIMIT_AUTH", "5/1s"),
        ("GATHERING_RATE_LIMIT_LOGIN", "5/1s"),
    ];
    let Pair { redis, sites } = Pair::start(&rates).await;
    for site in &sites {
        list(site).await;
        login(site, "ada@example.org").await;
    }
    eventually("no key is left", LIMIT, async || {
        redis.command(&["DBSIZE"]).await.trim() == ":0"
    })
    .await;
    assert_eq!(list(&sites[0]).await.header("ratelimit-remaining"), "4");
}

#[tokio::test]
async fn what_somebody_flushes_is_counted_from_anew_and_nobody_notices() {
    let (pair, (before, forgotten, after)) = undisturbed(&LOGINS, async |pair| {
        let before = logins(pair, 6).await;
        pair.redis.command(&["SCRIPT", "FLUSH"]).await;
        let forgotten = login(&pair.sites[0], "ada@example.org").await.status;
        pair.redis.command(&["FLUSHALL"]).await;
        pair.redis.command(&["SCRIPT", "FLUSH"]).await;
        (before, forgotten, login(&pair.sites[1], "ada@example.org").await)
    })
    .await;
    assert_eq!((before, forgotten), (vec![401; 6], 429));
    assert_eq!(
        (after.status, after.header("ratelimit-remaining")),
        (401, "3".to_owned())
    );
    for site in &pair.sites {
        assert_eq!(lines(site, AWAY), 0);
    }
}
