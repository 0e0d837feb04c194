//! A lane: the name of a schedule, and when it is due.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::super::axis::Axis;
use super::super::lane::Lane;
use super::super::words;
use super::canvas::{Canvas, Tenths};
use super::marks::{HALF, Mark, marks};
use super::{LANE_HEIGHT, PLOT_LENGTH, PLOT_X, WIDTH, labels};

/// How many columns a name has.
const NAME: usize = 24;
/// How many what is said below it has.
const SUMMARY: usize = 30;
/// How narrow a band may be, in tenths of a pixel, so that it does not look like a tick.
const NARROWEST: i64 = 15;

/// Draws it, `y` pixels from the top.
pub(super) fn draw(canvas: &mut Canvas, lane: &Lane<'_>, (axis, zone): (&Axis, &TimeZone), y: i64) {
    let class = if lane.paused { "r p" } else { "r" };
    canvas.group(class, y, &lane.sentence(zone));
    canvas.area("z", (0, WIDTH * 10), (0, LANE_HEIGHT));
    draw_name(canvas, lane);
    let marks = marks(lane.times, |at| PLOT_X + axis.place(at, PLOT_LENGTH));
    canvas.path("b", &bands(&marks));
    canvas.path("t", &ticks(&marks));
    let end = draw_uncounted(canvas, lane, &marks);
    labels::draw(canvas, &marks, zone, (PLOT_X, end));
    canvas.path("q", &format!("M0 {LANE_HEIGHT}.5h{WIDTH}"));
    canvas.end("g");
}

/// In a part of its own, because how long a name becomes is decided by whoever chose it, and by the reader's fonts.
fn draw_name(canvas: &mut Canvas, lane: &Lane<'_>) {
    canvas.clip(20, (PLOT_X / 10 - 28, LANE_HEIGHT));
    canvas.text("n", (0, 18), &words::shorten(&lane.name, NAME));
    let summary = lane.summary();
    let whole = lane.pace().map(|pace| format!("{summary}, {pace}"));
    let whole = whole.filter(|text| words::cells(text) <= SUMMARY).unwrap_or(summary);
    canvas.text("s", (0, 33), &whole);
    canvas.end("svg");
}

fn ticks(marks: &[Mark]) -> String {
    let mut path = String::new();
    for mark in marks.iter().filter(|mark| mark.is_tick()) {
        let _written = write!(path, "M{} 12v16", Tenths(mark.middle()));
    }
    path
}

fn bands(marks: &[Mark]) -> String {
    let mut path = String::new();
    for mark in marks.iter().filter(|mark| !mark.is_tick()) {
        let length = mark.end() - mark.start() - 2 * HALF;
        let (x, length) = (Tenths(mark.start() + HALF), Tenths(length.max(NARROWEST)));
        let _written = write!(path, "M{x} 12h{length}v16h-{length}z");
    }
    path
}

/// The rest of the week, where it was not counted; gives where that begins.
fn draw_uncounted(canvas: &mut Canvas, lane: &Lane<'_>, marks: &[Mark]) -> i64 {
    let end = PLOT_X + PLOT_LENGTH;
    if !lane.more {
        return end;
    }
    let start = marks.last().map_or(PLOT_X, |mark| mark.end() + HALF).min(end);
    canvas.area("o", (start, end - start), (11, 18));
    let pace = marks.last().and_then(|mark| mark.pace);
    let summary = lane.how_often();
    let texts = pace.map(|pace| format!("{} at first · {summary}", words::every(pace)));
    let texts: Vec<String> = texts.into_iter().chain([summary]).collect();
    labels::draw_inside(canvas, &texts, (start, end));
    start
}
