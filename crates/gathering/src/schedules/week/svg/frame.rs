//! What stands around the lanes: the days, their hours, and where the clocks change.

use std::fmt::Write as _;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::super::axis::{Axis, Day};
use super::canvas::{Canvas, Tenths};
use super::labels::length_of;
use super::{LANE_HEIGHT, PLOT_LENGTH, PLOT_X, WIDTH};

/// How far from the edge of its column a day's head begins, in tenths.
const INDENT: i64 = 60;
/// Where the first line of the days' heads stands.
const HEAD: i64 = 64;

/// The columns of the days.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    axis: &'a Axis,
    /// Where the lanes begin.
    pub(super) top: i64,
    height: i64,
}

impl<'a> Frame<'a> {
    /// Around so many lanes; around room for one where there are none.
    pub(super) fn new(axis: &'a Axis, lanes: usize) -> Self {
        let changes = axis.days.iter().any(|day| day.change.is_some());
        Self {
            axis,
            top: if changes { 102 } else { 88 },
            height: LANE_HEIGHT * i64::try_from(lanes.max(1)).unwrap_or(1),
        }
    }

    pub(super) fn bottom(&self) -> i64 {
        self.top + self.height
    }

    /// Where each lane begins.
    pub(super) fn rows(&self) -> impl Iterator<Item = i64> {
        (0..).map(|lane| self.top + LANE_HEIGHT * lane)
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, zone: &TimeZone) {
        for day in &self.axis.days {
            self.draw_weekend(canvas, day);
        }
        self.draw_lines(canvas, zone);
        self.draw_changes(canvas);
        for day in &self.axis.days {
            self.draw_head(canvas, day, zone);
        }
    }

    /// A line down through the lanes wherever the clocks jump.
    fn draw_changes(&self, canvas: &mut Canvas) {
        let changes = self.axis.days.iter().filter_map(|day| day.change.as_ref());
        let lines: String = changes.map(|change| self.down(self.x(change.at), self.top)).collect();
        canvas.path("x", &lines);
    }

    fn draw_weekend(&self, canvas: &mut Canvas, day: &Day) {
        if matches!(day.date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            let (from, to) = (self.x(day.start), self.x(day.end));
            canvas.area("w", (from, to - from), (HEAD - 16, self.bottom() - HEAD + 16));
        }
    }

    fn draw_lines(&self, canvas: &mut Canvas, zone: &TimeZone) {
        let quarters = self.axis.days.iter().flat_map(|day| quarters(day, zone));
        let hours: String = quarters.map(|(at, _)| self.down(self.x(at), self.top)).collect();
        canvas.path("q", &hours);
        let ends = self.axis.days.iter().map(|day| day.start).chain([self.axis.end]);
        let days: String = ends.map(|at| self.down(self.x(at), HEAD - 16)).collect();
        canvas.path("y", &days);
        let mut across = String::new();
        let (top, bottom) = (self.top, self.bottom());
        let _written = write!(across, "M0 {top}.5h{WIDTH}M0 {bottom}.5h{WIDTH}");
        canvas.path("y", &across);
    }

    fn draw_head(&self, canvas: &mut Canvas, day: &Day, zone: &TimeZone) {
        let (from, to) = (self.x(day.start), self.x(day.end));
        let name = day.date.strftime("%a %-d %b").to_string();
        canvas.text("d", (Tenths(from + INDENT), HEAD), &name);
        if let Some((hours, jump)) = day.note() {
            let whole = format!("{hours} h: {jump}");
            let fits = length_of(&whole) + INDENT <= to - from;
            let note = if fits { whole } else { format!("{hours} h") };
            canvas.text("c", (Tenths(from + INDENT), HEAD + 14), &note);
        }
        for (at, hour) in quarters(day, zone) {
            canvas.text("m", (Tenths(self.x(at)), self.top - 6), &format!("{hour:02}"));
        }
    }

    fn x(&self, at: jiff::Timestamp) -> i64 {
        PLOT_X + self.axis.place(at, PLOT_LENGTH)
    }

    fn down(&self, x: i64, from: i64) -> String {
        format!("M{} {from}V{}", Tenths(x), self.bottom())
    }
}

/// Where the clocks show 6, 12 and 18 hours on a day.
fn quarters(day: &Day, zone: &TimeZone) -> impl Iterator<Item = (jiff::Timestamp, i8)> {
    let date = day.date;
    [6, 12, 18].into_iter().filter_map(move |hour| {
        let at = date.at(hour, 0, 0, 0).to_zoned(zone.clone()).ok()?;
        Some((at.timestamp(), hour))
    })
}

/// What the marks mean, in a line at this height.
pub(super) fn legend(canvas: &mut Canvas, y: i64) {
    let entries = [
        (2100, "due"),
        (2550, "due too often to be drawn singly"),
        (4700, "due more often than was counted"),
    ];
    canvas.path("t", &format!("M210 {}v10", y - 9));
    canvas.path("b", &format!("M256.2 {}h13.5v8h-13.5z", y - 8));
    canvas.area("o", (4700, 160), (y - 9, 10));
    for (x, text) in entries {
        let x = x + if x == 2100 { 60 } else { 220 };
        canvas.text("l", (Tenths(x), y), text);
    }
    canvas.text("e", (WIDTH - 20, y), "grey: paused, what would be due");
}
