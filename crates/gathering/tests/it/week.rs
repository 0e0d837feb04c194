//! The coming week as a picture and as text.

use gathering::{Week, WeekRow};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

#[path = "../../examples/week.rs"]
#[expect(dead_code, reason = "its `main` is for the command line")]
mod example;

const PLAIN: Date = date(2026, 3, 2);
const SPRING: Date = date(2026, 3, 23);
const AUTUMN: Date = date(2026, 10, 19);

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn week(from: Date, rows: Vec<WeekRow>) -> Week {
    Week {
        zone: berlin(),
        from,
        rows,
    }
}

fn row(name: &str, times: Vec<Timestamp>) -> WeekRow {
    WeekRow {
        name: name.to_owned(),
        paused: false,
        times,
        more: false,
    }
}

/// So many due times, from midnight in Berlin.
fn every(from: Date, pace: SignedDuration, count: i32) -> Vec<Timestamp> {
    let start = from.to_zoned(berlin()).unwrap().timestamp();
    (0..count).map(|n| start + pace * n).collect()
}

fn at(from: Date, hour: i8, minute: i8) -> Timestamp {
    let time = from.at(hour, minute, 0, 0);
    time.to_zoned(berlin()).unwrap().timestamp()
}

/// The whole description, which tells what the picture shows.
fn description(svg: &str) -> &str {
    let (_, rest) = svg.split_once("<desc>").unwrap();
    rest.split_once("</desc>").unwrap().0
}

/// Where the ticks of the first lane that has any are, in pixels.
fn ticks(svg: &str) -> Vec<f64> {
    let lane = svg.split_once("<g class=\"r").unwrap().1;
    let path = lane.split_once("<path class=\"t\" d=\"").unwrap().1;
    let path = path.split_once('"').unwrap().0;
    let ticks = path.split('M').skip(1);
    ticks
        .map(|tick| tick.split_once(' ').unwrap().0.parse().unwrap())
        .collect()
}

#[test]
fn a_small_week_is_drawn() {
    let nightly = row("nightly", vec![at(PLAIN, 3, 0), at(date(2026, 3, 4), 3, 0)]);
    let poll = WeekRow {
        paused: true,
        ..row("poll", every(PLAIN, SignedDuration::from_mins(10), 288))
    };
    let week = week(PLAIN, vec![nightly, poll]);
    let svg = week.to_svg();
    // The colours are not what this is about.
    let (start, rest) = svg.split_once("<style>").unwrap();
    let (_, end) = rest.split_once("</style>").unwrap();
    insta::assert_snapshot!("a_small_week", format!("{start}{end}"));
    insta::assert_snapshot!("a_small_week_as_text", week.to_text(120));
}

#[test]
fn the_picture_in_the_documents_is_what_is_drawn_today() {
    let drawn = example::example_week().unwrap().to_svg();
    let shown = include_str!("../../../../docs/images/week.svg");
    assert!(
        drawn == shown,
        "draw it anew: cargo run -p gathering --example week > docs/images/week.svg"
    );
}

#[test]
fn the_week_in_which_the_clocks_go_forward_has_an_hour_less_and_says_so() {
    let sunday = date(2026, 3, 29);
    let times = vec![at(sunday, 0, 0), at(sunday, 1, 0), at(sunday, 3, 0), at(sunday, 4, 0)];
    let week = week(SPRING, vec![row("r", times)]);
    let svg = week.to_svg();
    assert!(svg.contains(">23 h: 02:00→03:00</text>"));
    assert!(description(&svg).contains("Sun 29 Mar has 23 hours: 02:00→03:00."));
    let hour = 924.0 / 167.0;
    let expected = [144.0, 145.0, 146.0, 147.0].map(|hours| 204.0 + hours * hour);
    let found = ticks(&svg);
    assert_eq!(found.len(), 4);
    assert!(
        found
            .iter()
            .zip(expected)
            .all(|(found, expected)| (found - expected).abs() < 0.2)
    );
    assert!(week.to_text(230).contains("Sun 29 Mar has 23 hours"));
}

#[test]
fn the_week_in_which_the_clocks_go_back_shows_both_hours_of_the_same_name() {
    let sunday = date(2026, 10, 25);
    let first = at(sunday, 2, 0);
    let times = vec![first, first + SignedDuration::from_hours(1)];
    let week = week(AUTUMN, vec![row("r", times)]);
    let svg = week.to_svg();
    assert!(svg.contains(">25 h: 03:00→02:00</text>"));
    let found = ticks(&svg);
    assert!((found[1] - found[0] - 924.0 / 169.0).abs() < 0.2, "{found:?}");
    assert_eq!(svg.matches(">02:00</text>").count(), 2);
    let text = week.to_text(230);
    let line = text.lines().find(|line| line.starts_with("r ")).unwrap();
    let days: Vec<&str> = line.split('│').collect();
    assert_eq!((days[6].chars().count(), days[7].chars().count()), (24, 25));
    assert!(days[7].starts_with("··▂▂·"), "{line}");
}

#[test]
fn a_day_that_begins_with_the_change_is_the_one_that_is_shorter() {
    let zone = TimeZone::get("Africa/Cairo").unwrap();
    let week = Week {
        zone,
        from: date(2026, 4, 20),
        rows: Vec::new(),
    };
    let text = week.to_text(100);
    assert!(text.contains("Fri 24 Apr has 23 hours: 00:00→01:00."), "{text}");
    assert_eq!(text.matches(" hours: ").count(), 1, "{text}");
}

#[test]
fn a_day_that_a_zone_skips_has_no_column() {
    let zone = TimeZone::get("Pacific/Apia").unwrap();
    let from = date(2011, 12, 26);
    let week = Week {
        zone,
        from,
        rows: Vec::new(),
    };
    let svg = week.to_svg();
    assert!(svg.contains(">Thu 29 Dec</text>") && svg.contains(">Sat 31 Dec</text>"));
    assert!(!svg.contains("Fri 30 Dec"));
}

#[test]
fn where_ticks_would_touch_a_band_says_how_many_there_are() {
    let poll = row("poll", every(PLAIN, SignedDuration::from_mins(5), 2016));
    let odd = row("odd", [0, 1, 5, 6].map(|minute| at(PLAIN, 12, minute)).to_vec());
    let svg = week(PLAIN, vec![poll, odd]).to_svg();
    assert!(svg.contains(">every 5 min · 288 a day</text>"));
    assert!(svg.contains(">4×</text>"));
    assert!(description(&svg).contains("poll: 2,016 times, every 5 min, from Mon 2 Mar 00:00 to Sun 8 Mar 23:55."));
}

#[test]
fn what_was_not_counted_is_drawn_as_such() {
    let busy = WeekRow {
        more: true,
        ..row("busy", every(PLAIN, SignedDuration::from_secs(1), 2000))
    };
    let week = week(PLAIN, vec![busy]);
    let svg = week.to_svg();
    assert!(svg.contains(">every second at first · over 2,000 times</text>"));
    let text = week.to_text(120);
    let line = text.lines().find(|line| line.starts_with("busy")).unwrap();
    assert!(line.contains("│█░") && line.ends_with("2,000+"), "{line}");
}

#[test]
fn times_outside_the_week_are_not_drawn() {
    let times = vec![
        at(date(2026, 3, 1), 23, 59),
        at(PLAIN, 0, 0),
        at(date(2026, 3, 9), 0, 0),
    ];
    let svg = week(PLAIN, vec![row("r", times)]).to_svg();
    assert!(description(&svg).contains("r: once, on Mon 2 Mar 00:00."));
    assert_eq!(ticks(&svg), [204.0]);
}

#[test]
fn a_hostile_name_is_text_and_nothing_else() {
    let names = [
        "<script>alert(1)</script>",
        "\"'&--><!--]]>",
        "a\u{0}b\u{1b}[31mc\nd\u{7f}\u{fffe}",
        "\u{202e}gnp.exe\u{2066}",
        "</title></svg><svg onload=x>",
        "  \u{200b}",
    ];
    let rows = names.map(|name| row(name, vec![at(PLAIN, 12, 0)])).to_vec();
    let week = week(PLAIN, rows);
    let (svg, text) = (week.to_svg(), week.to_text(120));
    assert!(!svg.contains("<script") && !svg.contains("onload=x>") && !svg.contains("]]>"));
    assert!(svg.contains("&lt;script&gt;alert(1)"));
    assert!(svg.contains(">&quot;&#39;&amp;--&gt;&lt;!--]]&gt;</text>"));
    assert!(svg.contains(">a�b�[31mc d��</text>"));
    assert!(svg.contains(">�gnp.exe�</text>"));
    assert!(svg.contains(">(no name)</text>"));
    let control = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2066}' | '\u{fffe}');
    assert!(!svg.contains(control) && !text.contains(control));
}

#[test]
fn a_long_name_is_shortened_by_characters() {
    let svg = week(PLAIN, vec![row(&"ä".repeat(200), Vec::new())]).to_svg();
    assert!(svg.contains(&format!(">{}…</text>", "ä".repeat(23))));
    let svg = week(PLAIN, vec![row(&"漢".repeat(200), Vec::new())]).to_svg();
    assert!(svg.contains(&format!(">{}…</text>", "漢".repeat(11))));
    let piled = format!("a{}b", "\u{301}".repeat(150));
    let svg = week(PLAIN, vec![row(&piled, Vec::new())]).to_svg();
    assert!(svg.contains(&format!(">a{}b</text>", "\u{301}".repeat(3))));
}

#[test]
fn lanes_of_text_stay_aligned_whatever_the_names_are() {
    let names = ["plain", "日本語の予定", "שלום", "z\u{301}\u{301}algo", "🦀 crab"];
    let rows = names.map(|name| row(name, vec![at(PLAIN, 12, 0)])).to_vec();
    let text = week(PLAIN, rows).to_text(100);
    insta::assert_snapshot!("names_as_text", text);
}

/// Pairs of due times that touch, as many as there is room for: nothing takes more to draw.
fn worst() -> WeekRow {
    let start = PLAIN.to_zoned(berlin()).unwrap().timestamp();
    let pairs = (0..230).flat_map(|n| {
        let first = start + SignedDuration::from_secs(2_628) * n;
        [first, first + SignedDuration::from_millis(1)]
    });
    WeekRow {
        paused: true,
        more: true,
        ..row(&"\"".repeat(300), pairs.collect())
    }
}

#[test]
fn the_picture_is_bounded_whatever_is_in_the_week() {
    let spread = (0..33).flat_map(|n| every(PLAIN, SignedDuration::from_secs(18_300), n + 1));
    let mut spread: Vec<Timestamp> = spread.collect();
    spread.sort_unstable();
    let dense = every(PLAIN, SignedDuration::from_millis(1), 20_000);
    for (case, row) in [worst(), row(&"&".repeat(300), dense), row("r", spread)]
        .into_iter()
        .enumerate()
    {
        let week = week(PLAIN, vec![row; 70]);
        let (svg, text) = (week.to_svg(), week.to_text(10_000));
        assert!(svg.len() <= 640 * 1024, "case {case}: {}", svg.len());
        assert_eq!(svg.matches("<g class=\"r").count(), 60);
        assert!(svg.contains(">and 10 more</text>"));
        assert!(text.lines().count() <= 66 && text.contains("and 10 more"));
        assert!(
            text.lines()
                .all(|line| unicode_width::UnicodeWidthStr::width(line) <= 230),
            "case {case}"
        );
    }
}

#[test]
fn text_keeps_within_the_width_that_is_asked_for() {
    let mut week = example::example_week().unwrap();
    week.rows[0].name = "名".repeat(80);
    for width in [0, 40, 60, 80, 100, 120, 160, 200, 250] {
        let text = week.to_text(width);
        let widest = text.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
        assert!(widest <= width.max(40), "{width}:\n{text}");
    }
}

#[test]
fn a_week_at_either_end_of_the_calendar_is_drawn() {
    for from in [Date::MIN, Date::MAX, date(9999, 12, 28), date(-9999, 1, 2)] {
        let week = week(from, vec![row("r", vec![Timestamp::MIN, Timestamp::MAX])]);
        assert!(week.to_svg().ends_with("</svg>\n"));
        assert!(week.to_text(80).contains("\nr "));
    }
}
