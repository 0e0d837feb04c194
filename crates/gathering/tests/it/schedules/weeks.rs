//! The coming week of schedules.

use gathering::{Week, WeekQuery};
use jiff::civil::date;

use super::*;

#[tokio::test]
async fn a_week_has_the_due_times_of_each_schedule_on_the_clocks_that_were_asked_for() {
    let world = World::new().await;
    let from = date(2031, 3, 24);
    let nightly = json!({"name": "nightly", "kind": "cron", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "action": world.post("/")});
    let nightly = world.schedule(nightly).await;
    let often = json!({"name": "often", "kind": "interval", "every": "1m", "paused": true, "action": world.post("/")});
    world.schedule(often).await;
    let query = WeekQuery {
        schedule_id: Some(nightly),
        from: Some(from),
        ..WeekQuery::default()
    };
    let week = world.gathering.schedule_week(&world.ada, query.clone()).await.unwrap();
    assert_eq!((week.zone.iana_name(), week.from), (Some("Europe/Berlin"), from));
    let times: Vec<String> = week.rows[0].times.iter().map(ToString::to_string).collect();
    assert_eq!(
        (times.len(), times[0].as_str(), times[6].as_str()),
        (7, "2031-03-24T02:00:00Z", "2031-03-30T01:00:00Z")
    );
    let all = WeekQuery {
        schedule_id: None,
        ..query.clone()
    };
    let week = world.gathering.schedule_week(&world.ada, all).await.unwrap();
    let rows: Vec<_> = week
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.paused, row.times.len(), row.more))
        .collect();
    assert_eq!(
        rows,
        [("often", true, Week::MAX_TIMES, true), ("nightly", false, 7, false)]
    );
    let today = WeekQuery::default();
    let week = world.gathering.schedule_week(&world.ada, today).await.unwrap();
    let now = SystemClock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    assert!(week.from == now || week.from.tomorrow().unwrap() == now);
    for (wrong, pointer) in [
        (
            WeekQuery {
                timezone: Some("Mars/Olympus".to_owned()),
                ..query.clone()
            },
            "/timezone",
        ),
        (
            WeekQuery {
                from: Some(date(9999, 12, 30)),
                ..query
            },
            "/from",
        ),
    ] {
        let error = world.gathering.schedule_week(&world.ada, wrong).await.unwrap_err();
        assert_eq!(problems(error)[0].pointer, pointer);
    }
    world.end().await;
}
