//! The week for a terminal: a line per schedule, a column per hour or per few hours.

use super::axis::Axis;
use super::lane::Lane;
use super::{Week, words};

/// Into how many columns a day of 24 hours may be divided, the finest first.
const PARTS: [usize; 8] = [24, 12, 8, 6, 4, 3, 2, 1];
/// What a terminal is at least thought to have.
const MIN_WIDTH: usize = 40;
/// How many columns a name may have.
const NAME: std::ops::RangeInclusive<usize> = 8..=24;
/// From how many due times on a column has which block.
const BLOCKS: [(usize, char); 7] = [(60, '█'), (30, '▇'), (12, '▆'), (6, '▅'), (4, '▄'), (2, '▃'), (1, '▂')];
const NONE: char = '·';
const UNCOUNTED: char = '░';

/// How the columns of a terminal are used.
#[derive(Debug)]
struct Layout {
    name: usize,
    /// How many columns each day has, for the length that it has.
    days: Vec<usize>,
    /// Of a day of 24 hours.
    parts: usize,
}

/// Draws it: a heading, the days, the lanes, and what the blocks mean.
pub(super) fn draw(week: &Week, width: usize) -> String {
    let axis = week.axis();
    let lanes = week.lanes(&axis);
    let width = width.max(MIN_WIDTH);
    let layout = Layout::new(&axis, &lanes, width);
    let zone = format!("times of {}", words::zone(&week.zone));
    let mut text = one_or_more(&[week.days(&axis), zone], ", ", width);
    text.extend(axis.notes());
    text.push(layout.head(&axis));
    text.extend(lanes.iter().map(|lane| layout.line(&axis, lane)));
    if lanes.is_empty() {
        text.push("no schedules".to_owned());
    }
    text.extend(week.left_out());
    text.extend(layout.legend(width));
    text.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

impl Layout {
    fn new(axis: &Axis, lanes: &[Lane<'_>], width: usize) -> Self {
        let longest = lanes.iter().map(|lane| words::cells(&lane.name)).max().unwrap_or(0);
        let name = longest.min(width / 5).clamp(*NAME.start(), *NAME.end());
        let said = lanes.iter().map(|lane| words::cells(&said(lane))).max().unwrap_or(0);
        // A line has an edge before each day and one after the last, and a space around them.
        let room = width.saturating_sub(name + said + axis.days.len() + 3);
        let sized = PARTS.map(|parts| (parts, days(axis, parts)));
        let fits = |days: &[usize]| days.iter().sum::<usize>() <= room;
        let (parts, days) = sized
            .into_iter()
            .find(|(_, days)| fits(days))
            .unwrap_or_else(|| (1, days(axis, 1)));
        Self { name, days, parts }
    }

    /// The names of the days, as much of them as there is room for.
    fn head(&self, axis: &Axis) -> String {
        let days = axis.days.iter().zip(&self.days).map(|(day, columns)| {
            let names = ["%a %-d %b", "%a %-d", "%a", "%-d"].map(|format| day.date.strftime(format).to_string());
            let name = names.into_iter().find(|name| name.len() <= *columns);
            padded(&name.unwrap_or_default(), *columns)
        });
        format!("{} │{}│", " ".repeat(self.name), days.collect::<Vec<_>>().join("│"))
    }

    fn line(&self, axis: &Axis, lane: &Lane<'_>) -> String {
        let name = padded(&words::shorten(&lane.name, self.name), self.name);
        // Keeps the rest of the line where it is, and the line beginning on the left.
        let mark = if words::is_right_to_left(&name) { "\u{200e}" } else { "" };
        let days = axis.days.iter().zip(&self.days).map(|(day, columns)| {
            let mut counts = vec![0; *columns];
            let parts = lane.times.iter().filter_map(|at| day.part(*at, *columns));
            parts.for_each(|part| counts[part] += 1);
            let last = lane.times.last().filter(|at| **at >= day.start);
            let known = match (lane.more, last) {
                (false, _) => *columns,
                (true, None) => 0,
                (true, Some(last)) => day.part(*last, *columns).map_or(*columns, |part| part + 1),
            };
            blocks(&counts, known)
        });
        format!(
            "{mark}{name}{mark} │{}│ {}",
            days.collect::<Vec<_>>().join("│"),
            said(lane)
        )
    }

    fn legend(&self, width: usize) -> Vec<String> {
        let hours = 24 / self.parts;
        let each = if hours == 1 {
            "1 hour".to_owned()
        } else {
            format!("{hours} hours")
        };
        let blocks = BLOCKS.iter().rev().map(|(count, block)| format!("{block} {count}"));
        let blocks = blocks.collect::<Vec<_>>().join("  ");
        let parts = [
            format!("due in {each}, at least:"),
            blocks,
            format!("{UNCOUNTED} not counted"),
        ];
        one_or_more(&parts, "  ", width)
    }
}

/// Parts in a line, or in a line each where that is too long.
fn one_or_more(parts: &[String], between: &str, width: usize) -> Vec<String> {
    let line = parts.join(between);
    if words::cells(&line) <= width {
        return vec![line];
    }
    parts.iter().map(|part| words::shorten(part, width)).collect()
}

/// How many columns each day has, by its length.
fn days(axis: &Axis, parts: usize) -> Vec<usize> {
    let columns = axis.days.iter().map(|day| {
        let minutes = usize::try_from(day.length().as_mins()).unwrap_or(0);
        ((minutes * parts + 720) / 1440).max(1)
    });
    columns.collect()
}

fn blocks(counts: &[usize], known: usize) -> String {
    let block = |count: usize| {
        BLOCKS
            .iter()
            .find(|(least, _)| count >= *least)
            .map_or(NONE, |(_, block)| *block)
    };
    let cells = counts.iter().enumerate();
    cells
        .map(|(part, count)| if part < known { block(*count) } else { UNCOUNTED })
        .collect()
}

/// What stands after a lane, short.
fn said(lane: &Lane<'_>) -> String {
    let more = if lane.more { "+" } else { "" };
    let paused = if lane.paused { " paused" } else { "" };
    format!("{}{more}{paused}", words::number(lane.times.len()))
}

fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(words::cells(text));
    text.to_owned() + &" ".repeat(missing)
}
