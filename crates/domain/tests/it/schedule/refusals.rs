//! What is said of patterns that are refused.

use gathering_domain::schedule::times::{CronTimes, Dst, MAX_PATTERN};

const REFUSED: [&str; 35] = [
    "",
    "   ",
    "* * * *",
    "* * * * * * * *",
    "@reboot",
    "@dayly",
    "60 * * * *",
    "* 24 * * *",
    "0 0 0 * *",
    "0 0 * 13 *",
    "0 0 * JANUARY *",
    "0 0 * * 8",
    "0 0 * * MONDAY",
    "0 22-6 * * *",
    "0 0 * * FRI-MON",
    "*/0 * * * *",
    "*/60 * * * *",
    "5/5 * * * *",
    "/5 * * * *",
    "0 0 ?/2 * *",
    "0 0 * * 0-SUN",
    "1,,2 * * * *",
    "0 9 * * MON-FRI,",
    "0 0 1-15W * *",
    "0 0 1W,15W * *",
    "0 0 * * L",
    "0 0 * * 1#6",
    "+0 * * * *",
    "MON * * * *",
    "0 0 5JAN * *",
    "H * * * *",
    "1- * * * *",
    "1-2-3 * * * *",
    "*/2/2 * * * *",
    "0 0 0 1 1 * 1e3",
];

#[test]
fn large_and_small_letters_of_fields_are_the_same() {
    let next = |pattern: &str| {
        let times = CronTimes::parse(pattern, "Europe/Berlin", Dst::default())
            .unwrap_or_else(|problem| panic!("{pattern}: {problem}"));
        let first = times.next("2026-11-27T12:00:00Z".parse().expect("a moment"));
        std::iter::successors(first, |due| times.next(*due))
            .take(20)
            .collect::<Vec<_>>()
    };
    for pattern in [
        "0 0 * JAN-MAR,dec MON-FRI",
        "0 0 L * *",
        "0 0 15W * *",
        "0 0 LW * *",
        "0 0 * * TUE#3",
        "0 0 * * FRI#L",
        "0 0 * * 5L",
        "0 0 13 * +FRI",
        "0 0 * feb SAT-SUN",
        "0 0 0 * * WED 2027-2030",
    ] {
        let (large, small) = (pattern.to_ascii_uppercase(), pattern.to_ascii_lowercase());
        let mixed: String = pattern
            .chars()
            .zip([true, false].into_iter().cycle())
            .map(|(letter, large)| {
                if large {
                    letter.to_ascii_uppercase()
                } else {
                    letter.to_ascii_lowercase()
                }
            })
            .collect();
        for other in [large, small, mixed] {
            assert_eq!(next(&other), next(pattern), "{other}");
        }
    }
}

#[test]
fn each_refusal_names_the_field_and_what_would_do() {
    let said: Vec<String> = REFUSED
        .iter()
        .map(|pattern| {
            let problem = CronTimes::parse(pattern, "UTC", Dst::default()).expect_err(pattern);
            format!("{pattern:<18} {problem}")
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_pattern_has_a_longest_length() {
    let list = |count: usize| format!("{} * * * *", vec!["1"; count].join(","));
    assert!(CronTimes::parse(&list(124), "UTC", Dst::default()).is_ok());
    let too_long = CronTimes::parse(&list(125), "UTC", Dst::default()).expect_err("too long");
    assert_eq!(list(125).len(), MAX_PATTERN + 1);
    assert_eq!(too_long.to_string(), "the pattern is longer than 256 bytes");
}

#[test]
fn a_pattern_of_an_unknown_zone_is_refused() {
    let unknown = CronTimes::parse("* * * * *", "Europe/Berlim", Dst::default()).expect_err("no zone");
    let expected = "there is no time zone `Europe/Berlim`; did you mean `Europe/Berlin`?";
    assert_eq!(unknown.to_string(), expected);
}
