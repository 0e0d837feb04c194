//! The rules of the Open Cron Pattern Specification, 1.3 and 1.4; a name of a test says its version and its rule.

use gathering_domain::schedule::times::{CronProblem, CronTimes, Dst, Fold, Gap};

use super::{days, due, due_in};

const NEW_YEAR: &str = "2026-01-01T00:00:00";

fn refused(pattern: &str) -> String {
    let problem = CronTimes::parse(pattern, "UTC", Dst::default()).expect_err("no pattern");
    assert!(matches!(problem, CronProblem::Field { .. }), "{pattern}: {problem}");
    problem.to_string()
}

#[test]
fn ocps_1_3_l_is_the_last_day_of_the_month() {
    let expected = ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"];
    assert_eq!(days("0 0 L * *", "2028-01-01T00:00:00", 4), expected);
    assert_eq!(
        days("0 0 15,L 2 *", NEW_YEAR, 3),
        ["2026-02-15", "2026-02-28", "2027-02-15"]
    );
}

#[test]
fn ocps_1_3_a_weekday_with_l_is_the_last_of_the_month() {
    let expected = ["2026-01-30", "2026-02-27", "2026-03-27"];
    for pattern in ["0 0 * * 5L", "0 0 * * 5#L", "0 0 * * FRI#L", "0 0 * * friL"] {
        assert_eq!(days(pattern, NEW_YEAR, 3), expected, "{pattern}");
    }
    assert_eq!(days("0 0 * * 7L", NEW_YEAR, 1), ["2026-01-25"]);
}

#[test]
fn ocps_1_3_a_weekday_with_a_number_is_that_one_of_the_month() {
    assert_eq!(
        days("0 0 * * 2#3", NEW_YEAR, 3),
        ["2026-01-20", "2026-02-17", "2026-03-17"]
    );
    assert_eq!(days("0 0 * * MON#1", NEW_YEAR, 2), ["2026-01-05", "2026-02-02"]);
    assert_eq!(
        days("0 0 * * 0#1,7#2", NEW_YEAR, 3),
        ["2026-01-04", "2026-01-11", "2026-02-01"]
    );
}

#[test]
fn ocps_1_3_a_fifth_weekday_is_left_out_where_there_is_none() {
    assert_eq!(
        days("0 0 * * FRI#5", NEW_YEAR, 3),
        ["2026-01-30", "2026-05-29", "2026-07-31"]
    );
}

#[test]
fn ocps_1_3_the_number_goes_from_1_to_5() {
    for pattern in [
        "0 0 * * 1#0",
        "0 0 * * 1#6",
        "0 0 * * 1#",
        "0 0 * * #1",
        "0 0 * * 8#1",
        "0 0 * * *#1",
    ] {
        refused(pattern);
    }
}

#[test]
fn ocps_1_3_w_is_the_nearest_weekday() {
    // A Friday, then a Saturday that goes back, then a Sunday that goes on.
    assert_eq!(days("0 0 15W 5 *", NEW_YEAR, 1), ["2026-05-15"]);
    assert_eq!(days("0 0 15W 8 *", NEW_YEAR, 1), ["2026-08-14"]);
    assert_eq!(days("0 0 15W 2 *", NEW_YEAR, 1), ["2026-02-16"]);
}

#[test]
fn ocps_1_3_w_stays_in_its_month() {
    // The first of August 2026 is a Saturday, the last of May a Sunday.
    assert_eq!(days("0 0 1W 8 *", NEW_YEAR, 1), ["2026-08-03"]);
    assert_eq!(days("0 0 31W 5 *", NEW_YEAR, 1), ["2026-05-29"]);
    // A month without a 31st has no weekday near it either.
    assert_eq!(days("0 0 31W 4,5 *", NEW_YEAR, 1), ["2026-05-29"]);
}

#[test]
fn ocps_1_3_w_goes_with_one_day() {
    for pattern in [
        "0 0 1-15W * *",
        "0 0 1W,15W * *",
        "0 0 15W,20 * *",
        "0 0 */2W * *",
        "0 0 W * *",
        "0 0 32W * *",
    ] {
        refused(pattern);
    }
}

#[test]
fn beyond_ocps_lw_is_the_last_weekday_of_the_month() {
    assert_eq!(
        days("0 0 LW * *", NEW_YEAR, 3),
        ["2026-01-30", "2026-02-27", "2026-03-31"]
    );
}

#[test]
fn ocps_1_3_the_new_characters_stand_in_their_fields_only() {
    for pattern in [
        "L * * * *",
        "0 L * * *",
        "0 0 * L *",
        "0 0 * * L",
        "0 0 * * 1W",
        "0 0 1#2 * *",
        "0 5W * * *",
    ] {
        refused(pattern);
    }
}

#[test]
fn ocps_1_4_without_a_plus_either_day_will_do() {
    let expected = [
        "2026-01-05T12:00",
        "2026-01-12T12:00",
        "2026-01-19T12:00",
        "2026-01-26T12:00",
        "2026-02-01T12:00",
    ];
    assert_eq!(due("0 12 1 * MON", "2026-01-01T12:00:00", 5), expected);
}

#[test]
fn ocps_1_4_with_a_plus_both_days_have_to_fit() {
    assert_eq!(
        due("0 12 1 * +MON", NEW_YEAR, 2),
        ["2026-06-01T12:00", "2027-02-01T12:00"]
    );
    assert_eq!(
        days("0 0 13 * +FRI", NEW_YEAR, 3),
        ["2026-02-13", "2026-03-13", "2026-11-13"]
    );
    assert_eq!(days("0 0 1-7 * +MON,TUE", NEW_YEAR, 2), ["2026-01-05", "2026-01-06"]);
}

#[test]
fn ocps_1_4_the_plus_stands_first_in_the_day_of_week_only() {
    for pattern in [
        "+0 * * * *",
        "0 0 +1 * *",
        "0 0 * +1 *",
        "0 0 1 * MON+",
        "0 0 1 * ++MON",
        "0 0 1 * 1,+2",
        "0 0 1 * +",
    ] {
        refused(pattern);
    }
}

#[test]
fn ocps_1_4_a_question_mark_is_a_star_for_days() {
    assert_eq!(days("0 0 ? * MON", NEW_YEAR, 2), ["2026-01-05", "2026-01-12"]);
    assert_eq!(days("0 0 1 * ?", NEW_YEAR, 2), ["2026-02-01", "2026-03-01"]);
    for pattern in [
        "? * * * *",
        "0 ? * * *",
        "0 0 * ? *",
        "0 0 5? * *",
        "0 0 ?/2 * *",
        "? 0 0 1 * *",
    ] {
        refused(pattern);
    }
}

#[test]
fn ocps_1_4_what_a_gap_leaves_out_can_be_skipped() {
    let dst = Dst {
        gap: Gap::Skip,
        fold: Fold::First,
    };
    let expected = ["2026-03-30T02:30+02:00"];
    assert_eq!(
        due_in("Europe/Berlin", dst, "30 2 * * *", ("2026-03-28T12:00", 1)),
        expected
    );
}

#[test]
fn ocps_1_4_what_comes_twice_is_due_the_first_time_by_default() {
    let expected = ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"];
    let due = due_in("Europe/Berlin", Dst::default(), "30 2 * * *", ("2026-10-24T12:00", 2));
    assert_eq!(due, expected);
}

#[test]
fn ocps_1_4_years_end_at_a_known_one() {
    let last = "0 0 0 1 1 * 5000";
    assert_eq!(days(last, NEW_YEAR, 2), ["5000-01-01"]);
    assert_eq!(days("0 0 1 1 *", "4999-06-01T00:00:00", 5), ["5000-01-01"]);
    refused("0 0 0 1 1 * 5001");
    refused("0 0 0 1 1 * 0");
}
