//! The coming week of some schedules, drawn: as a picture (SVG) for people with a browser, as lines of text for a terminal.

mod axis;
mod lane;
mod svg;
mod text;
mod words;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use axis::Axis;
use lane::Lane;

/// How many schedules are drawn; of the others the picture says how many there are.
const MAX_LANES: usize = 60;

/// Seven days of some schedules, to be drawn by [`to_svg`](Week::to_svg) or [`to_text`](Week::to_text).
///
/// Drawing is a pure function of these fields. One axis of elapsed time goes through the week, so that a day on which the clocks
/// are changed is as long as it is, and says so.
#[derive(Debug, Clone)]
pub struct Week {
    /// On whose clocks the days begin, and the times are told.
    pub zone: TimeZone,
    /// The first of the seven days.
    pub from: Date,
    /// The schedules, in the order in which they are drawn; the first 60 are.
    pub rows: Vec<WeekRow>,
}

/// One schedule in a [`Week`].
#[derive(Debug, Clone)]
pub struct WeekRow {
    /// What people call it. Any text will do: it is cleaned of what could change the picture, shortened and escaped.
    pub name: String,
    /// A paused schedule is drawn grey, with what it would do.
    pub paused: bool,
    /// When it is due within the week, ascending. The first [`Week::MAX_TIMES`] are drawn.
    pub times: Vec<Timestamp>,
    /// There are more due times in the week, after those in `times`.
    pub more: bool,
}

impl Week {
    /// How many due times of one schedule are drawn: enough for every five minutes of a week, also of one with an hour more.
    pub const MAX_TIMES: usize = 2_100;

    /// The week as a picture that needs nothing beside itself: no scripts, no fonts, no addresses.
    ///
    /// It is at most 640 KiB long whatever is in the week, and usually less than 50: due times so close that their ticks
    /// would touch are one band that says how many they are. It suits light and dark pages, may be shown as a file or stand within a page
    /// (also several times: it has no ids), and tells in `title` and `desc` what it shows.
    ///
    /// ```
    /// use gathering::{Week, WeekRow};
    /// use jiff::{civil::date, tz::TimeZone};
    ///
    /// let zone = TimeZone::get("Europe/Berlin")?;
    /// let at = date(2026, 3, 23).at(3, 0, 0, 0).to_zoned(zone.clone())?.timestamp();
    /// let nightly = WeekRow { name: "nightly".into(), paused: false, times: vec![at], more: false };
    /// let week = Week { zone, from: date(2026, 3, 23), rows: vec![nightly] };
    /// assert!(week.to_svg().contains("23 h: 02:00→03:00"));
    /// assert!(week.to_text(80).contains("nightly"));
    /// # Ok::<(), jiff::Error>(())
    /// ```
    pub fn to_svg(&self) -> String {
        svg::draw(self)
    }

    /// The week as lines of text, at most `width` columns wide (at least 40): one line per schedule, with a block in each hour, or in each few
    /// hours, that is the higher the more often it is due. At most 74 lines of at most 230 columns.
    pub fn to_text(&self, width: usize) -> String {
        text::draw(self, width)
    }

    fn axis(&self) -> Axis {
        Axis::new(&self.zone, self.from)
    }

    /// What of the rows is drawn.
    fn lanes<'a>(&'a self, axis: &Axis) -> Vec<Lane<'a>> {
        let rows = self.rows.iter().take(MAX_LANES);
        rows.map(|row| Lane::new(row, axis)).collect()
    }

    /// What is said of the rows beyond those.
    fn left_out(&self) -> Option<String> {
        let count = self.rows.len().saturating_sub(MAX_LANES);
        (count > 0).then(|| format!("and {} more", words::number(count)))
    }

    /// Which days these are, for a heading.
    fn days(&self, axis: &Axis) -> String {
        let (first, last) = (self.from, axis.days.last().map_or(self.from, |day| day.date));
        format!("{} to {}", first.strftime("%a %-d %b"), last.strftime("%a %-d %b %Y"))
    }
}
