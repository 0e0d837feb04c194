//! The nodes drawn in place, below the lines that stay.

use std::collections::HashMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::super::run::{Node, readable};
use super::STRUCK;
use super::paint::Paint;

/// What turns while something is under way.
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// A picture of a run: a line for each node, and one that says what is going on.
#[derive(Debug)]
pub(super) struct Live {
    picture: MultiProgress,
    footer: ProgressBar,
    lines: Vec<ProgressBar>,
    nodes: Vec<Node>,
    /// When a node was first seen under way.
    seen: HashMap<String, Instant>,
    doing: String,
    up: bool,
    frame: usize,
    paint: Paint,
}

impl Live {
    pub(super) fn new(paint: Paint) -> Self {
        let picture = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let footer = picture.add(line());
        Self {
            picture,
            footer,
            lines: Vec::new(),
            nodes: Vec::new(),
            seen: HashMap::new(),
            doing: String::new(),
            up: true,
            frame: 0,
            paint,
        }
    }

    /// A line that stays, above the picture.
    pub(super) fn line(&self, mark: &str, step: &str, text: &str) {
        let indent = " ".repeat(10_usize.saturating_sub(visible(step)));
        self.picture.println(format!("  {mark} {step}{indent}{text}")).ok();
    }

    pub(super) fn doing(&mut self, text: &str) {
        text.clone_into(&mut self.doing);
        self.draw();
    }

    pub(super) fn nodes(&mut self, nodes: &[Node]) {
        if self.lines.is_empty() {
            self.make_lines(nodes.len());
        }
        let now = Instant::now();
        for node in nodes.iter().filter(|node| node.status == "running") {
            self.seen.entry(node.id.clone()).or_insert(now);
        }
        self.nodes = nodes.to_vec();
        self.draw();
    }

    pub(super) fn server_is(&mut self, up: bool) {
        self.up = up;
        // A new attempt is timed from its own beginning.
        self.seen.clear();
        self.draw();
    }

    /// Draws everything as it is at this moment.
    pub(super) fn draw(&mut self) {
        self.frame = (self.frame + 1) % FRAMES.len();
        for (bar, node) in self.lines.iter().skip(1).zip(&self.nodes) {
            bar.set_message(self.node(node));
        }
        let mark = if self.up {
            self.paint.cyan(FRAMES[self.frame])
        } else {
            self.paint.yellow(FRAMES[self.frame])
        };
        self.footer.set_message(format!("\n  {mark} {}", self.doing));
    }

    pub(super) fn clear(&mut self) {
        self.picture.clear().ok();
        self.picture.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// One for the heading, one for each node.
    fn make_lines(&mut self, nodes: usize) {
        self.lines = (0..=nodes)
            .map(|_| self.picture.insert_before(&self.footer, line()))
            .collect();
        let heading = format!("{:<17}{:<11}{:<12}{:>7}", "node", "type", "status", "time");
        if let Some(first) = self.lines.first() {
            first.set_message(format!("\n    {}", self.paint.dim(&heading)));
        }
    }

    fn node(&self, node: &Node) -> String {
        let (mark, status) = self.status(node);
        let time = match node.status.as_str() {
            "running" if self.up => self.seen.get(&node.id).map(Instant::elapsed),
            _ => node.took().filter(|_| node.status != "skipped"),
        };
        let time = time.map(readable).unwrap_or_default();
        let gap = " ".repeat(12_usize.saturating_sub(visible(&status)));
        let name = format!("{:<17}{:<11}", node.id, node.r#type);
        let name = if node.status == "pending" || node.status == "skipped" {
            self.paint.dim(&name)
        } else {
            name
        };
        format!("  {mark} {name}{status}{gap}{}", self.paint.dim(&format!("{time:>7}")))
    }

    fn status(&self, node: &Node) -> (String, String) {
        let paint = self.paint;
        match node.status.as_str() {
            "pending" => (paint.dim("·"), paint.dim("pending")),
            "running" if !self.up => (paint.yellow(STRUCK), paint.yellow("cut off")),
            "running" => (paint.cyan(FRAMES[self.frame]), paint.cyan("running")),
            "completed" => (paint.green("✔"), paint.green("completed")),
            "skipped" => (paint.dim("○"), paint.dim("skipped")),
            "retrying" | "waiting" => (paint.yellow("…"), paint.yellow(&node.status)),
            other => (paint.red("✘"), paint.red(other)),
        }
    }
}

fn line() -> ProgressBar {
    // The template is constant and has no parameter that could be wrong; the usual style would show a bar.
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

/// How many columns a text takes, without its colours.
fn visible(text: &str) -> usize {
    let mut columns = 0;
    let mut in_colour = false;
    for letter in text.chars() {
        match letter {
            '\x1b' => in_colour = true,
            'm' if in_colour => in_colour = false,
            _ if !in_colour => columns += 1,
            _ => {}
        }
    }
    columns
}
