//! What is due is what the definition says, for any pattern, in any zone, around any change of its clocks.

use std::time::Duration;

use croner::Cron;
use gathering_domain::schedule::times::{CronTimes, Dst, Exclusions, Fold, Gap, Missed, Series, Times, zone};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::model::{Model, MonthDay, Values, WeekDay};

const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Antarctica/Troll",
    "Europe/Dublin",
    "America/St_Johns",
    "Asia/Tehran",
    "Pacific/Kwajalein",
    "Asia/Pyongyang",
];

/// A field as text, with the values that it names.
type Field = (String, Values);

fn any_value(least: i8, most: i8) -> impl Strategy<Value = Field> {
    let star = ("*".to_owned(), (least..=most).collect::<Values>());
    let list = prop::collection::vec(least..=most, 1..4).prop_map(|values| {
        let text: Vec<String> = values.iter().map(i8::to_string).collect();
        (text.join(","), values.into_iter().collect())
    });
    let range = (least..=most, least..=most).prop_map(|(one, other)| {
        let (start, end) = (one.min(other), one.max(other));
        (format!("{start}-{end}"), (start..=end).collect())
    });
    prop_oneof![4 => Just(star), 3 => list, 2 => range, 2 => stepped(least, most)]
}

fn stepped(least: i8, most: i8) -> impl Strategy<Value = Field> {
    (least..=most, 1..=most, any::<bool>()).prop_map(move |(start, step, from_start)| {
        let (text, first) = if from_start {
            (format!("{start}-{most}/{step}"), start)
        } else {
            (format!("*/{step}"), least)
        };
        let values = (first..=most).filter(|value| (value - first) % step == 0);
        (text, values.collect())
    })
}

/// Mostly one second, because minutes of seconds are many.
fn second() -> impl Strategy<Value = Field> {
    prop_oneof![5 => Just(("0".to_owned(), Values::from([0]))), 1 => any_value(0, 59)]
}

fn month_day() -> impl Strategy<Value = (String, MonthDay)> {
    prop_oneof![
        6 => Just(("*".to_owned(), MonthDay::Any)),
        3 => any_value(1, 31).prop_map(|(text, values)| {
            let day = if text == "*" { MonthDay::Any } else { MonthDay::Of(values) };
            (text, day)
        }),
        1 => Just(("L".to_owned(), MonthDay::Last)),
        1 => Just(("LW".to_owned(), MonthDay::LastWorkday)),
        1 => (1..=31_i8).prop_map(|day| (format!("{day}W"), MonthDay::NearestWorkday(day))),
    ]
}

fn week_day() -> impl Strategy<Value = (String, WeekDay)> {
    prop_oneof![
        6 => Just(("*".to_owned(), WeekDay::Any)),
        2 => any_value(0, 6).prop_map(|(text, values)| {
            let day = if text == "*" { WeekDay::Any } else { WeekDay::Of(values) };
            (text, day)
        }),
        1 => (0..=7_i8, 1..=5_i8).prop_map(|(day, nth)| (format!("{day}#{nth}"), WeekDay::Nth(day % 7, nth))),
        1 => (0..=7_i8).prop_map(|day| (format!("{day}L"), WeekDay::Last(day % 7))),
    ]
}

fn pattern() -> impl Strategy<Value = (String, Model)> {
    let month = prop_oneof![4 => Just(("*".to_owned(), (1..=12).collect::<Values>())), 1 => any_value(1, 12)];
    let fields = (
        second(),
        any_value(0, 59),
        any_value(0, 23),
        month_day(),
        month,
        week_day(),
        any::<bool>(),
    );
    fields.prop_map(|(second, minute, hour, month_day, month, week_day, both)| {
        let both = both && !matches!(week_day.1, WeekDay::Any);
        let plus = if both { "+" } else { "" };
        let text = [&second.0, &minute.0, &hour.0, &month_day.0, &month.0]
            .map(String::as_str)
            .join(" ");
        let model = Model {
            second: second.1,
            minute: minute.1,
            hour: hour.1,
            month_day: month_day.1,
            month: month.1,
            week_day: week_day.1,
            both,
        };
        (format!("{text} {plus}{}", week_day.0), model)
    })
}

fn policy() -> impl Strategy<Value = Dst> {
    let gap = prop::sample::select(vec![Gap::Skip, Gap::Shift]);
    let fold = prop::sample::select(vec![Fold::First, Fold::Second, Fold::Both]);
    (gap, fold).prop_map(|(gap, fold)| Dst { gap, fold })
}

/// A zone and a second, most often one shortly before a change of its clocks.
fn moment() -> impl Strategy<Value = (&'static str, Timestamp)> {
    // From 1980 to 2045, where offsets are whole minutes.
    let second = 315_532_800..2_366_841_600_i64;
    (
        prop::sample::select(ZONES.to_vec()),
        second,
        0..40 * 3600_i64,
        any::<bool>(),
    )
        .prop_map(|(name, second, before, near)| {
            let second = Timestamp::from_second(second).expect("in range");
            let zone = zone(name).expect("a zone");
            let change = zone
                .following(second)
                .next()
                .filter(|_| near)
                .map(|change| change.timestamp());
            let start = change.map_or(second, |change| change - SignedDuration::from_secs(before));
            (name, start)
        })
}

fn walked(series: &Series, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let due = std::iter::successors(series.next(after), |due| series.next(*due));
    due.take_while(|due| *due <= until).collect()
}

fn cron(pattern: &str, zone: &str, dst: Dst) -> Series {
    let times = CronTimes::parse(pattern, zone, dst).expect("a pattern");
    Series::new(Times::Cron(times), None, None, Exclusions::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn what_is_due_is_what_the_definition_says(
        (text, model) in pattern(), (name, after) in moment(), dst in policy(), nanosecond in 0..2_i32,
    ) {
        let zone = zone(name).expect("a zone");
        let after = after + SignedDuration::from_nanos(i64::from(nanosecond) * 500);
        let until = after + SignedDuration::from_hours(26);
        let due = walked(&cron(&text, name, dst), after, until);
        prop_assert_eq!(&due, &model.due(&zone, dst, (after, until)), "{} in {} after {}", text, name, after);
        prop_assert!(due.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn from_wherever_one_asks_the_next_is_the_next_of_all(
        (text, _) in pattern(), (name, after) in moment(), dst in policy(), later in 0..80_000_i64,
    ) {
        let series = cron(&text, name, dst);
        let asked = after + SignedDuration::from_secs(later);
        let due = walked(&series, after, asked + SignedDuration::from_hours(1));
        let expected = due.into_iter().find(|due| *due > asked);
        let next = series.next(asked);
        prop_assert!(next.is_none_or(|next| next > asked));
        if expected.is_some() {
            prop_assert_eq!(next, expected);
        }
    }

    #[test]
    fn in_utc_it_is_due_as_croner_says((text, _) in pattern(), second in 0..4_000_000_000_i64) {
        let times = CronTimes::parse(&text, "UTC", Dst::default()).expect("a pattern");
        let cron: Cron = text.parse().expect("a pattern");
        let after = Timestamp::from_second(second).expect("in range");
        let shown: DateTime = TimeZone::UTC.to_datetime(after);
        let expected = cron.find_next_occurrence(&shown, false).ok();
        prop_assert_eq!(times.next(after).map(|due| TimeZone::UTC.to_datetime(due)), expected, "{}", text);
    }

    #[test]
    fn excluded_days_are_left_out_and_nothing_else(
        (text, _) in pattern(), (name, after) in moment(), dst in policy(), weekday in 0..7_usize, days in 0..2_i64,
    ) {
        let times = Times::Cron(CronTimes::parse(&text, name, dst).expect("a pattern"));
        let zone = zone(name).expect("a zone");
        let first = zone.to_datetime(after).date();
        let last = first.checked_add(SignedDuration::from_hours(24 * days)).expect("in range");
        let weekday = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"][weekday];
        let excluded = Exclusions::parse(&[weekday.to_owned(), format!("{first}/{last}")], &zone).expect("days");
        let until = after + SignedDuration::from_hours(24 * 3);
        let mut expected = walked(&Series::new(times.clone(), None, None, Exclusions::default()), after, until);
        expected.retain(|due| !excluded.contains(zone.to_datetime(*due).date()));
        prop_assert_eq!(walked(&Series::new(times, None, None, excluded), after, until), expected);
    }

    #[test]
    fn what_was_missed_is_what_walking_finds(
        (text, _) in pattern(), (name, after) in moment(), dst in policy(), hours in 0..30_i64, keep in 0..30_usize,
    ) {
        let series = cron(&text, name, dst);
        let until = after + SignedDuration::from_hours(hours);
        told(&series.missed(after, until, keep), &walked(&series, after, until), keep)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_was_missed_of_many_is_what_walking_finds(seconds in 9_900..14_000_u32, every in 900..1_100_u64, keep in 0..300_usize) {
        let anchor = Timestamp::UNIX_EPOCH;
        let every = Duration::from_millis(every);
        let series = Series::new(Times::FixedRate { anchor, every }, None, None, Exclusions::default());
        let (after, until) = (anchor + SignedDuration::from_secs(7), anchor + SignedDuration::from_secs(seconds.into()));
        told(&series.missed(after, until, keep), &walked(&series, after, until), keep)?;
    }
}

fn told(missed: &Missed, due: &[Timestamp], keep: usize) -> Result<(), TestCaseError> {
    let (before, last) = due.split_at(due.len().saturating_sub(keep));
    prop_assert_eq!(&missed.times[..], last);
    let Some(told) = &missed.before else {
        prop_assert!(before.is_empty());
        return Ok(());
    };
    prop_assert_eq!((Some(&told.first), Some(&told.last)), (before.first(), before.last()));
    let count = u64::try_from(before.len()).ok().filter(|count| *count <= 10_000);
    prop_assert_eq!(told.count, count);
    Ok(())
}
