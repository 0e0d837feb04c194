//! The picture. Lengths along the axis of time are in tenths of a pixel, all others in pixels.
//!
//! Its bound: a lane has at most 232 marks, because those nearer to each other than [`marks::APART`] are one, and at most 10 KiB;
//! of lanes there are 60.

mod canvas;
mod frame;
mod labels;
mod marks;
mod row;

use super::axis::Axis;
use super::lane::Lane;
use super::{Week, words};
use canvas::Canvas;
use frame::Frame;

/// Where the axis of time begins, and how long it is, in tenths of a pixel.
const PLOT_X: i64 = 2040;
const PLOT_LENGTH: i64 = 9240;
/// How wide the picture is, in pixels.
const WIDTH: i64 = 1148;
const LANE_HEIGHT: i64 = 40;

/// Draws it: what is told of it, the frame, the rows, and what is said below.
pub(super) fn draw(week: &Week) -> String {
    let axis = week.axis();
    let lanes = week.lanes(&axis);
    let frame = Frame::new(&axis, lanes.len());
    let left_out = week.left_out();
    let below = if left_out.is_some() { 64 } else { 40 };
    let mut canvas = Canvas::open(WIDTH, frame.bottom() + below);
    let title = format!("Schedules, {}", week.days(&axis));
    canvas.describe(&title, &description(week, &axis, &lanes));
    canvas.background();
    canvas.text("h", (20, 33), &title);
    canvas.text("s e", (WIDTH - 20, 33), &times_of(week));
    frame.draw(&mut canvas, &week.zone);
    for (y, lane) in frame.rows().zip(&lanes) {
        row::draw(&mut canvas, lane, (&axis, &week.zone), y);
    }
    if lanes.is_empty() {
        canvas.text("s", (20, frame.top + 25), "no schedules");
    }
    if let Some(text) = left_out {
        canvas.text("s", (20, frame.bottom() + 22), &text);
    }
    frame::legend(&mut canvas, frame.bottom() + below - 16);
    canvas.close()
}

/// All of the picture in words.
fn description(week: &Week, axis: &Axis, lanes: &[Lane<'_>]) -> String {
    let mut sentences = vec![format!("Seven days, {}.", times_of(week))];
    sentences.extend(axis.notes());
    sentences.extend(lanes.iter().map(|lane| lane.sentence(&week.zone)));
    sentences.extend(week.left_out().map(|text| format!("{text}.")));
    sentences.join(" ")
}

fn times_of(week: &Week) -> String {
    format!("times of {}", words::zone(&week.zone))
}
