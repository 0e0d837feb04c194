//! Names of time zones, and zones with rules of their own.

use gathering_domain::schedule::rules::Rules;
use gathering_domain::schedule::times::{Dst, Fold, Gap, canonical_zone, zone};
use jiff::Timestamp;
use serde_json::json;

use super::due_in;

const SKIP: Dst = Dst {
    gap: Gap::Skip,
    fold: Fold::First,
};

#[test]
fn iana_names_are_known_in_any_letters() {
    for (name, known) in [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("US/Eastern", "US/Eastern"),
        ("Etc/GMT+5", "Etc/GMT+5"),
    ] {
        assert_eq!(zone(name).expect(name).iana_name(), Some(known));
    }
    assert_eq!(zone("utc").expect("UTC").to_offset(Timestamp::UNIX_EPOCH).seconds(), 0);
}

#[test]
fn rules_have_the_name_of_their_zone_as_it_is_written() {
    for (name, written) in [
        ("europe/berlin", "Europe/Berlin"),
        ("AMERICA/ARGENTINA/BUENOS_AIRES", "America/Argentina/Buenos_Aires"),
        ("utc", "UTC"),
        ("us/eastern", "US/Eastern"),
    ] {
        let rules = json!({"kind": "cron", "cron": "@daily", "timezone": name});
        let rules = Rules::parse(rules.as_object().expect("an object")).expect(name);
        assert_eq!(rules.timezone, written);
        assert_eq!(rules.to_json()["timezone"], written);
        assert_eq!(canonical_zone(name), Some(written));
    }
    assert_eq!(canonical_zone("Europe/Berlinn"), None);
}

#[test]
fn what_is_no_iana_name_is_unknown() {
    for name in [
        "",
        " ",
        "/",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe/../Europe/Berlin",
        "posixrules",
        "localtime",
        "Factory",
        "posix/Europe/Berlin",
        "right/UTC",
        "zone.tab",
        "tzdata.zi",
        "Europe",
        "Europe/",
        "Europe/Berlin/",
        "Europe//Berlin",
        "Europe/Berlin\0",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "+02:00",
        "Etc/Unknown",
        "🕰",
    ] {
        zone(name).expect_err(name);
    }
    let long = "Europe/Berlin".repeat(100_000);
    let said = zone(&long).expect_err("too long").to_string();
    assert!(said.len() < 200, "{said}");
}

#[test]
fn the_nearest_name_is_suggested() {
    let said = |name| zone(name).expect_err(name).to_string();
    for (name, meant) in [
        ("Europe/Berlim", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("America/NewYork", "America/New_York"),
        ("Asia/Kathmandoo", "Asia/Kathmandu"),
    ] {
        let expected = format!("there is no time zone `{name}`; did you mean `{meant}`?");
        assert_eq!(said(name), expected);
    }
    let expected = "there is no time zone `Middle-earth/Mordor`; use an IANA name such as `Europe/Berlin`, or `UTC`";
    assert_eq!(said("Middle-earth/Mordor"), expected);
}

#[test]
fn lord_howe_moves_by_half_an_hour() {
    // Put forward on 2026-10-04 from 02:00 to 02:30, back on 2026-04-05 from 02:00 to 01:30.
    let due = |dst, after| due_in("Australia/Lord_Howe", dst, "*/15 1,2 * * *", (after, 6));
    assert_eq!(
        due(SKIP, "2026-10-04T01:30:00")[..3],
        [
            "2026-10-04T01:45+10:30",
            "2026-10-04T02:30+11:00",
            "2026-10-04T02:45+11:00"
        ]
    );
    assert_eq!(
        due(SKIP, "2026-04-05T01:15:00")[..4],
        [
            "2026-04-05T01:30+11:00",
            "2026-04-05T01:45+11:00",
            "2026-04-05T02:00+10:30",
            "2026-04-05T02:15+10:30"
        ]
    );
}

#[test]
fn casablanca_is_put_back_for_ramadan() {
    // In 2026 from 02-15 03:00 to 03-22 02:00.
    let both = Dst {
        gap: Gap::Shift,
        fold: Fold::Both,
    };
    let due = |after, count| due_in("Africa/Casablanca", both, "30 2 * * *", (after, count));
    assert_eq!(
        due("2026-02-14T12:00:00", 3),
        [
            "2026-02-15T02:30+01:00",
            "2026-02-15T02:30+00:00",
            "2026-02-16T02:30+00:00"
        ]
    );
    assert_eq!(
        due("2026-03-21T12:00:00", 2),
        ["2026-03-22T03:00+01:00", "2026-03-23T02:30+01:00"]
    );
}

#[test]
fn sao_paulo_had_days_without_a_midnight() {
    // On 2018-11-04 it was put forward from 00:00 to 01:00.
    let due = |dst| due_in("America/Sao_Paulo", dst, "@daily", ("2018-11-03T12:00:00", 2));
    assert_eq!(
        due(Dst::default()),
        ["2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"]
    );
    assert_eq!(due(SKIP), ["2018-11-05T00:00-02:00", "2018-11-06T00:00-02:00"]);
}

#[test]
fn kathmandu_is_three_quarters_of_an_hour_off() {
    let expected = ["2026-01-01T12:00+05:45", "2026-01-02T12:00+05:45"];
    assert_eq!(
        due_in("Asia/Kathmandu", SKIP, "0 12 * * *", ("2026-01-01T00:00:00", 2)),
        expected
    );
}

#[test]
fn apia_left_out_a_whole_day() {
    // After 2011-12-29 came 2011-12-31.
    let due = |dst, pattern| due_in("Pacific/Apia", dst, pattern, ("2011-12-29T12:00:00", 2));
    assert_eq!(
        due(SKIP, "0 9 * * *"),
        ["2011-12-31T09:00+14:00", "2012-01-01T09:00+14:00"]
    );
    let shifted = ["2011-12-31T00:00+14:00", "2011-12-31T09:00+14:00"];
    assert_eq!(due(Dst::default(), "0 9 * * *"), shifted);
    assert_eq!(
        due(Dst::default(), "0 9 30 12 *"),
        ["2011-12-31T00:00+14:00", "2012-12-30T09:00+14:00"]
    );
}

#[test]
fn troll_moves_by_two_hours() {
    // Put forward on 2026-03-29 from 01:00 to 03:00, back on 2026-10-25 from 03:00 to 01:00.
    let due = |after| due_in("Antarctica/Troll", Dst::default(), "0 * * * *", (after, 3));
    assert_eq!(
        due("2026-03-28T23:30:00"),
        [
            "2026-03-29T00:00+00:00",
            "2026-03-29T03:00+02:00",
            "2026-03-29T04:00+02:00"
        ]
    );
    assert_eq!(
        due("2026-10-25T01:30:00"),
        [
            "2026-10-25T02:00+02:00",
            "2026-10-25T03:00+00:00",
            "2026-10-25T04:00+00:00"
        ]
    );
}

#[test]
fn dublin_saves_its_daylight_in_winter() {
    let due = |after| due_in("Europe/Dublin", Dst::default(), "30 1 * * *", (after, 2));
    assert_eq!(
        due("2026-03-28T12:00:00"),
        ["2026-03-29T02:00+01:00", "2026-03-30T01:30+01:00"]
    );
    assert_eq!(
        due("2026-10-24T12:00:00"),
        ["2026-10-25T01:30+01:00", "2026-10-26T01:30+00:00"]
    );
}
