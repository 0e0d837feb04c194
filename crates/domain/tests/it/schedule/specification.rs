//! The rules of the Open Cron Pattern Specification, 1.0 to 1.2; a name of a test says its version and its rule.

use gathering_domain::schedule::times::{CronProblem, CronTimes, Dst};

use super::{days, due};

const NEW_YEAR: &str = "2026-01-01T00:00:00";

fn refused(pattern: &str) -> CronProblem {
    CronTimes::parse(pattern, "UTC", Dst::default()).expect_err("no pattern")
}

/// Whether two patterns are due at the same times for a while.
fn same(one: &str, other: &str) {
    assert_eq!(due(one, NEW_YEAR, 50), due(other, NEW_YEAR, 50), "{one} and {other}");
}

#[test]
fn ocps_1_0_a_pattern_has_five_fields() {
    // The fourth of May 2026 is a Monday.
    assert_eq!(due("3 2 4 5 *", NEW_YEAR, 1), ["2026-05-04T02:03"]);
    assert_eq!(due("3 2 * 5 1", NEW_YEAR, 2), ["2026-05-04T02:03", "2026-05-11T02:03"]);
    for (pattern, count) in [("* * * *", 4), ("*", 1), ("* * * * * * * *", 8)] {
        assert_eq!(refused(pattern), CronProblem::FieldCount(count));
    }
}

#[test]
fn ocps_1_0_space_around_and_more_of_it_between_does_not_count() {
    same("  30   4\t* \t * 1-5\t", "30 4 * * 1-5");
}

#[test]
fn ocps_1_0_other_characters_are_refused() {
    for pattern in [
        "! * * * *",
        "* a * * *",
        "*;* * * *",
        "* * * * * \u{2003}*",
        "* *\n* * *",
        "١ * * * *",
        "H * * * *",
    ] {
        refused(pattern);
    }
}

#[test]
fn ocps_1_0_each_field_takes_its_values() {
    for pattern in [
        "59 * * * *",
        "0 23 * * *",
        "0 0 31 * *",
        "0 0 * 12 *",
        "0 0 * * 7",
        "0 0 1 1 0",
    ] {
        CronTimes::parse(pattern, "UTC", Dst::default()).expect("in range");
    }
}

#[test]
fn ocps_1_0_what_is_out_of_range_is_refused() {
    for pattern in [
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "0-60 * * * *",
        "99999999999 * * * *",
        "-1 * * * *",
    ] {
        let CronProblem::Field { .. } = refused(pattern) else {
            panic!("{pattern} is refused for its field");
        };
    }
}

#[test]
fn ocps_1_0_months_and_weekdays_have_names_in_any_letters() {
    same("0 0 1 jan,FEB,Dec *", "0 0 1 1,2,12 *");
    same("0 0 * mar-May MON-fri", "0 0 * 3-5 1-5");
    same("0 0 * * Sun,sat", "0 0 * * 0,6");
}

#[test]
fn ocps_1_0_sunday_is_0_and_7() {
    same("0 0 * * 7", "0 0 * * 0");
    same("0 0 * * 5-7", "0 0 * * 0,5,6");
    same("0 0 * * Fri-Sun", "0 0 * * 0,5,6");
    same("0 0 * * SUN-TUE", "0 0 * * 0,1,2");
    for pattern in ["0 0 * * SUN-SUN", "0 0 * * 0-SUN", "0 0 * * SUN-7", "0 0 * * 0-sun/2"] {
        refused(pattern);
    }
    assert_eq!(days("0 0 * * 7", NEW_YEAR, 2), ["2026-01-04", "2026-01-11"]);
}

#[test]
fn ocps_1_0_a_star_is_every_value() {
    same("* * * * *", "0-59 * * * *");
    same("0 * * * *", "0 0-23 * * *");
    same("0 0 1 * *", "0 0 1 1-12 *");
}

#[test]
fn ocps_1_0_a_list_is_each_of_its_values() {
    let expected = ["2026-01-01T00:15", "2026-01-01T00:45", "2026-01-01T01:00"];
    assert_eq!(due("45,0,15 * * * *", NEW_YEAR, 3), expected);
}

#[test]
fn ocps_1_0_a_range_has_both_its_ends() {
    assert_eq!(
        due("0 9-11 * * *", NEW_YEAR, 4),
        [
            "2026-01-01T09:00",
            "2026-01-01T10:00",
            "2026-01-01T11:00",
            "2026-01-02T09:00"
        ]
    );
}

#[test]
fn ocps_1_0_a_step_goes_through_a_range_or_a_star() {
    same("0-30/10 * * * *", "0,10,20,30 * * * *");
    same("*/10 * * * *", "0,10,20,30,40,50 * * * *");
    // Of the days of a month, the first is 1.
    same("0 0 */10 * *", "0 0 1,11,21,31 * *");
    same("5-30/10 * * * *", "5,15,25 * * * *");
}

#[test]
fn ocps_1_0_lists_part_first_then_ranges_then_steps() {
    same("0-10/5,30,40-42 * * * *", "0,5,10,30,40,41,42 * * * *");
    same("*/30,7 * * * *", "0,7,30 * * * *");
}

#[test]
fn ocps_1_0_of_two_restricted_days_either_will_do() {
    let expected = [
        "2026-01-05",
        "2026-01-12",
        "2026-01-19",
        "2026-01-26",
        "2026-02-01",
        "2026-02-02",
    ];
    assert_eq!(days("0 0 1 * MON", NEW_YEAR, 6), expected);
}

#[test]
fn ocps_1_0_one_restricted_day_stands_alone() {
    assert_eq!(days("0 0 1 * *", NEW_YEAR, 2), ["2026-02-01", "2026-03-01"]);
    assert_eq!(days("0 0 * * MON", NEW_YEAR, 2), ["2026-01-05", "2026-01-12"]);
}

#[test]
fn ocps_1_0_an_impossible_date_is_a_pattern_that_is_never_due() {
    for pattern in ["0 0 31 2 *", "0 0 30 2 *", "* * 31 2,4,6,9,11 *"] {
        let times = CronTimes::parse(pattern, "UTC", Dst::default()).expect("a pattern");
        assert_eq!(times.next(super::at(NEW_YEAR, "UTC")), None, "{pattern}");
        let checked = times.check_fires(super::at(NEW_YEAR, "UTC"));
        assert_eq!(checked, Err(CronProblem::NeverFires), "{pattern}");
    }
}

#[test]
fn ocps_1_1_patterns_have_names() {
    same("@yearly", "0 0 1 1 *");
    same("@annually", "0 0 1 1 *");
    same("@monthly", "0 0 1 * *");
    same("@weekly", "0 0 * * 0");
    same("@daily", "0 0 * * *");
    same("@midnight", "0 0 * * *");
    same(" @hourly\t", "0 * * * *");
}

#[test]
fn ocps_1_1_the_names_are_in_small_letters_and_stand_alone() {
    for name in ["@Daily", "@DAILY", "@fortnightly", "@daily *", "@daily 0 0 * * *", "@"] {
        assert_eq!(refused(name), CronProblem::UnknownName(name.to_owned()));
    }
    refused("0 @daily * * *");
}

#[test]
fn ocps_1_1_reboot_is_known_and_refused_as_no_time() {
    assert_eq!(refused("@reboot"), CronProblem::Reboot);
}

#[test]
fn ocps_1_1_each_piece_of_a_list_is_looked_at() {
    same("*,1-30 * * * *", "* * * * *");
    same("30,* * * * *", "* * * * *");
    for pattern in ["*,*,61 * * * *", "*,x * * * *", "0 0 *,0 * *", "0 0 * *,13 *"] {
        refused(pattern);
    }
}

#[test]
fn ocps_1_1_days_are_unrestricted_only_where_a_star_comes_first() {
    same("0 12 *,1 * MON", "0 12 * * MON");
    same("0 12 1 * *,MON", "0 12 1 * *");
    for every_day in [
        "0 12 1,* * MON",
        "0 12 1-31 * MON",
        "0 12 */1 * MON",
        "0 12 1 * MON,*",
        "0 12 1 * 0-6",
    ] {
        same(every_day, "0 12 * * *");
    }
}

#[test]
fn ocps_1_2_seconds_may_come_first() {
    let expected = ["2026-01-01T00:00:15", "2026-01-01T00:00:45", "2026-01-01T00:01:15"];
    assert_eq!(due("15,45 * * * * *", NEW_YEAR, 3), expected);
}

#[test]
fn ocps_1_2_without_seconds_it_is_due_at_second_0() {
    same("30 4 * * *", "0 30 4 * * *");
    same("@daily", "0 0 0 * * *");
}

#[test]
fn ocps_1_2_years_may_come_last() {
    assert_eq!(
        due("0 0 0 1 1 * 2028,2030-2031", NEW_YEAR, 9),
        ["2028-01-01T00:00", "2030-01-01T00:00", "2031-01-01T00:00"]
    );
    assert_eq!(
        due("0 0 0 1 1 * 2027-2040/10", NEW_YEAR, 9),
        ["2027-01-01T00:00", "2037-01-01T00:00"]
    );
    same("0 0 0 1 * * *", "0 0 1 * *");
    same("0 0 0 1 * * 2026,*", "0 0 1 * *");
    same("0 0 0 1 1 * */2", "0 0 0 1 1 * 1970-5000/2");
    assert_eq!(
        due("0 0 0 1 1 * */10", NEW_YEAR, 2),
        ["2030-01-01T00:00", "2040-01-01T00:00"]
    );
}

#[test]
fn ocps_1_2_six_fields_are_seconds_and_no_year() {
    assert_eq!(
        due("0 0 0 1 1 2", NEW_YEAR, 2),
        ["2026-01-06T00:00", "2026-01-13T00:00"]
    );
    refused("0 0 1 1 * 2030");
}
