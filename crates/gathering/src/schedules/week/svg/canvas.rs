//! Elements of SVG, written down. Every text goes through here, and is escaped here.

use std::fmt::{Arguments, Display, Formatter, Result, Write as _};

use super::super::words;

/// A length in tenths of a pixel, written in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenths(pub(super) i64);

impl Display for Tenths {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, tenth) = (self.0.abs() / 10, self.0.abs() % 10);
        if tenth == 0 {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{tenth}")
        }
    }
}

/// A picture that is being written.
#[derive(Debug)]
pub(super) struct Canvas {
    out: String,
    width: i64,
    height: i64,
}

impl Canvas {
    pub(super) fn open(width: i64, height: i64) -> Self {
        let mut canvas = Self {
            out: String::new(),
            width,
            height,
        };
        canvas.put(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="gathering-week" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}">"#
        ));
        canvas
    }

    /// What assistive technology reads instead of the picture, and the colours. Called first.
    pub(super) fn describe(&mut self, title: &str, description: &str) {
        let (title, description) = (words::escape(title), words::escape(description));
        let style = include_str!("style.css").trim_end();
        self.put(format_args!(
            "<title>{title}</title>\n<desc>{description}</desc>\n<style>\n{style}\n</style>\n"
        ));
    }

    /// A ground of its own: the page may be dark where the reader's system is light.
    pub(super) fn background(&mut self) {
        let (width, height) = (self.width - 1, self.height - 1);
        self.put(format_args!(
            "<rect class=\"g\" x=\".5\" y=\".5\" width=\"{width}\" height=\"{height}\" rx=\"10\"/>\n"
        ));
    }

    pub(super) fn text(&mut self, class: &str, (x, y): (impl Display, i64), text: &str) {
        let text = words::escape(text);
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>\n"
        ));
    }

    /// A rectangle without corners of its own, from the left in tenths.
    pub(super) fn area(&mut self, class: &str, (x, length): (i64, i64), (y, height): (i64, i64)) {
        let (x, length) = (Tenths(x), Tenths(length));
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{length}\" height=\"{height}\"/>\n"
        ));
    }

    /// Lines and shapes; nothing where there are none.
    pub(super) fn path(&mut self, class: &str, d: &str) {
        if !d.is_empty() {
            self.put(format_args!("<path class=\"{class}\" d=\"{d}\"/>\n"));
        }
    }

    /// A group further down, with what is said of it where a pointer rests on it. To be ended by [`end`](Self::end).
    pub(super) fn group(&mut self, class: &str, y: i64, title: &str) {
        let title = words::escape(title);
        self.put(format_args!(
            "<g class=\"{class}\" transform=\"translate(0 {y})\"><title>{title}</title>\n"
        ));
    }

    /// A part that nothing in it can be drawn outside of.
    pub(super) fn clip(&mut self, x: i64, (width, height): (i64, i64)) {
        self.put(format_args!("<svg x=\"{x}\" width=\"{width}\" height=\"{height}\">\n"));
    }

    pub(super) fn end(&mut self, element: &str) {
        self.put(format_args!("</{element}>\n"));
    }

    pub(super) fn close(mut self) -> String {
        self.end("svg");
        self.out
    }

    fn put(&mut self, what: Arguments<'_>) {
        // Nothing can go wrong in memory.
        let _written = self.out.write_fmt(what);
    }
}
