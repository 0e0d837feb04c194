//! Durations as people write them.

use std::time::Duration;

use gathering_domain::duration::{DurationError, MAX_DURATION, format_duration, parse_duration};
use proptest::prelude::*;

#[test]
fn each_unit_is_read() {
    let read = |text| parse_duration(text).map(|duration| duration.as_millis());
    assert_eq!(read("500ms"), Ok(500));
    assert_eq!(read("30s"), Ok(30_000));
    assert_eq!(read("5m"), Ok(300_000));
    assert_eq!(read("1h"), Ok(3_600_000));
    assert_eq!(read("1d"), Ok(86_400_000));
    assert_eq!(read("0s"), Ok(0));
}

#[test]
fn iso_8601_is_read_up_to_weeks() {
    let read = |text| parse_duration(text).map(|duration| duration.as_millis());
    assert_eq!(read("PT30S"), Ok(30_000));
    assert_eq!(read("PT0.5S"), Ok(500));
    assert_eq!(read("P1DT1H"), Ok(90_000_000));
    assert_eq!(read("P2W"), Ok(14 * 86_400_000));
}

#[test]
fn what_is_no_duration_is_named_with_the_way_out() {
    let refused = |text| parse_duration(text).expect_err("no duration").to_string();
    for text in [
        "", "5", "s", "5 s", "5S", "1h30m", "1.5s", "five", "P", "PT", "+5s", "-", "--5s", "٣s",
    ] {
        assert_eq!(
            refused(text),
            format!("`{text}` is no duration; write it like \"500ms\", \"30s\", \"5m\", \"1h\", \"1d\" or \"PT30S\"")
        );
    }
    assert_eq!(refused("-5s"), "`-5s` is negative; a duration is zero or more");
    assert_eq!(refused("-PT5S"), "`-PT5S` is negative; a duration is zero or more");
    assert_eq!(
        refused("P1M"),
        "`P1M` counts in years or months, which have no fixed length; use days"
    );
    assert_eq!(
        refused("P1Y"),
        "`P1Y` counts in years or months, which have no fixed length; use days"
    );
}

#[test]
fn ten_years_are_the_longest() {
    assert_eq!(parse_duration("3650d"), Ok(MAX_DURATION));
    for text in ["3651d", "99999999999999999999999d", "18446744073709551615d", "P9999W"] {
        assert_eq!(parse_duration(text), Err(DurationError::TooLong(text.to_owned())));
    }
}

#[test]
fn durations_are_written_in_the_largest_unit_that_divides_them() {
    let written = |millis| format_duration(Duration::from_millis(millis));
    assert_eq!(written(0), "0s");
    assert_eq!(written(1500), "1500ms");
    assert_eq!(written(90_000), "90s");
    assert_eq!(written(7_200_000), "2h");
    assert_eq!(written(86_400_000), "1d");
    assert_eq!(format_duration(Duration::from_nanos(1_000_000_001)), "PT1.000000001S");
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(nanos in 0..MAX_DURATION.as_nanos()) {
        let duration = Duration::new(
            u64::try_from(nanos / 1_000_000_000).expect("fits"),
            u32::try_from(nanos % 1_000_000_000).expect("fits"),
        );
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-+P0-9a-zTWDHMSms. ]{0,20}|\\PC*") {
        let _ = parse_duration(&text);
    }
}
