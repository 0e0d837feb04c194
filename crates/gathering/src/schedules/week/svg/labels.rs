//! What is written into the marks and beside them, wherever there is room.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::words;
use super::canvas::{Canvas, Tenths};
use super::marks::Mark;

/// How long a letter is at most of times, in tenths of a pixel.
const LETTER: i64 = 62;
/// Letters in marks are larger.
const LETTER_INSIDE: i64 = 68;
/// Room around a text.
const AROUND: i64 = 40;
/// What counts as a day, in milliseconds, for saying how often in one something is due.
const NEARLY_A_DAY: i64 = 23 * 3_600_000;
/// The line that texts stand on.
const BASELINE: i64 = 24;

/// How long a text beside the marks is.
pub(super) fn length_of(text: &str) -> i64 {
    LETTER * columns(text)
}

fn columns(text: &str) -> i64 {
    i64::try_from(words::cells(text)).unwrap_or(i64::MAX / LETTER_INSIDE)
}

/// Writes what can be said of the marks of a lane, up to where its part of the axis ends.
pub(super) fn draw(canvas: &mut Canvas, marks: &[Mark], zone: &TimeZone, (start, end): (i64, i64)) {
    let mut free = start;
    for (place, mark) in marks.iter().enumerate() {
        let next = marks.get(place + 1).map_or(end, Mark::start);
        free = draw_one(canvas, mark, zone, (free, next));
    }
}

/// Gives where the room for the next one begins.
fn draw_one(canvas: &mut Canvas, mark: &Mark, zone: &TimeZone, (free, next): (i64, i64)) -> i64 {
    let inside = candidates(mark);
    if draw_inside(canvas, &inside, (mark.start(), mark.end())) {
        return mark.end();
    }
    let text = beside(mark, zone);
    let needed = length_of(&text) + 2 * AROUND;
    if next - mark.end() >= needed {
        canvas.text("l", (Tenths(mark.end() + AROUND), BASELINE), &text);
        return mark.end() + needed;
    }
    if mark.start() - free >= needed {
        canvas.text("l e", (Tenths(mark.start() - AROUND), BASELINE), &text);
    }
    mark.end()
}

/// Writes the first text that fits between two places into their middle.
pub(super) fn draw_inside(canvas: &mut Canvas, texts: &[String], (start, end): (i64, i64)) -> bool {
    let fitting = texts
        .iter()
        .find(|text| LETTER_INSIDE * columns(text) + AROUND <= end - start);
    if let Some(text) = fitting {
        canvas.text("i m", (Tenths(i64::midpoint(start, end)), BASELINE), text);
    }
    fitting.is_some()
}

/// What a band may say, the best first.
fn candidates(mark: &Mark) -> Vec<String> {
    let times = words::times(mark.count);
    let short = format!("{}×", words::number(mark.count));
    match mark.pace {
        _ if mark.is_tick() => Vec::new(),
        Some(pace) if mark.duration() >= NEARLY_A_DAY => {
            let every = words::every(pace);
            vec![format!("{every} · {}", words::a_day(pace)), every, times, short]
        }
        Some(pace) => vec![format!("{} · {times}", words::every(pace)), times, short],
        None => vec![times, short],
    }
}

/// What is said beside a mark: when, or how many.
fn beside(mark: &Mark, zone: &TimeZone) -> String {
    if mark.is_tick() {
        return clock(mark.at, zone);
    }
    format!("{}×", words::number(mark.count))
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    let time = at.to_zoned(zone.clone()).time();
    let format = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    time.strftime(format).to_string()
}
