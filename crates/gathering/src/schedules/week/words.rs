//! Texts of the picture: names made harmless, numbers and paces as people say them.

use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthChar as _;

/// Of a name no more than this is looked at.
const MAX_NAME: usize = 200;
/// So many marks may stand on one letter; real scripts need no more.
const MAX_MARKS: usize = 3;

/// A name without what could move, hide or break the text around it. It is still to be escaped.
pub(super) fn clean(name: &str) -> String {
    let mut marks = 0;
    let harmless = name.chars().take(MAX_NAME).map(harmless).filter(|c| {
        marks = if cells_of(*c) == 0 { marks + 1 } else { 0 };
        marks <= MAX_MARKS
    });
    let mut cleaned: String = harmless.collect();
    if name.chars().nth(MAX_NAME).is_some() {
        cleaned.push('…');
    }
    let trimmed = cleaned.trim();
    if cells(trimmed) == 0 {
        return "(no name)".to_owned();
    }
    trimmed.to_owned()
}

fn harmless(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        // What turns the direction of the text after it, and what XML does not know.
        '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fffe}'
        | '\u{ffff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// A text within so many columns, by whole characters.
pub(super) fn shorten(text: &str, columns: usize) -> String {
    if cells(text) <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let kept = text.chars().take_while(|c| {
        used += cells_of(*c);
        used <= columns
    });
    let mut kept = kept.collect::<String>().trim_end().to_owned();
    kept.push('…');
    kept
}

/// How many columns a text takes where letters are equally wide, and those of East Asia twice that.
pub(super) fn cells(text: &str) -> usize {
    text.chars().map(cells_of).sum()
}

fn cells_of(c: char) -> usize {
    c.width().unwrap_or(1)
}

/// Whether a text has letters that are written from right to left.
pub(super) fn is_right_to_left(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
    })
}

/// A text as the content of an XML element or attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `2,016`.
pub(super) fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `once`, or `7 times`.
pub(super) fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{} times", number(count)),
    }
}

/// `every 5 min`, of a pace in milliseconds.
pub(super) fn every(pace: i64) -> String {
    const UNITS: [(i64, &str, &str); 4] = [
        (3_600_000, "h", "hour"),
        (60_000, "min", "minute"),
        (1000, "s", "second"),
        (1, "ms", "ms"),
    ];
    let unit = UNITS.iter().find(|(length, ..)| pace % length == 0);
    let (length, short, one) = unit.copied().unwrap_or((1, "ms", "ms"));
    match pace / length {
        1 => format!("every {one}"),
        count => format!("every {count} {short}"),
    }
}

/// `288 a day`, of a pace in milliseconds.
pub(super) fn a_day(pace: i64) -> String {
    const DAY: i64 = 86_400_000;
    let about = if DAY % pace == 0 { "" } else { "about " };
    let count = usize::try_from((DAY + pace / 2) / pace).unwrap_or(usize::MAX);
    format!("{about}{} a day", number(count))
}

/// What people call a time zone.
pub(super) fn zone(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => format!("UTC{offset}"),
        (None, Err(_)) => "a zone of its own".to_owned(),
    }
}
