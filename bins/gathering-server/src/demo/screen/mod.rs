//! What people see while the demo plays: drawn in place on a terminal, a line for each change elsewhere.

mod live;
pub(super) mod paint;
mod plain;

use std::future::Future;
use std::io::{self, IsTerminal as _, Write as _};
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, interval};

use self::live::Live;
use self::paint::Paint;
use self::plain::Plain;
use super::run::Node;

/// How often a terminal is drawn anew.
const FRAME: Duration = Duration::from_millis(80);
/// The mark of what the demo destroys, and of what was under way then.
const STRUCK: &str = "↯";

/// Where the demo is shown. What cannot be written is not shown: the exit code still tells how the demo ended.
#[derive(Debug)]
pub(super) struct Screen {
    kind: Kind,
    started: Instant,
    paint: Paint,
}

#[derive(Debug)]
enum Kind {
    Live(Live),
    Plain(Plain),
}

impl Screen {
    /// Standard output: a terminal that can move its cursor, or anything else.
    pub(super) fn new() -> Self {
        let terminal = io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let paint = Paint::new(terminal);
        let started = Instant::now();
        let kind = if terminal {
            Kind::Live(Live::new(paint))
        } else {
            Kind::Plain(Plain::new(started))
        };
        Self { kind, started, paint }
    }

    /// How long it has been there.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// How to colour what is shown at the end.
    pub(super) fn paint(&self) -> Paint {
        self.paint
    }

    /// A step is done.
    pub(super) fn done(&mut self, step: &str, text: &str) {
        match &self.kind {
            Kind::Live(live) => live.line(&self.paint.green("✔"), step, text),
            Kind::Plain(plain) => plain.line(step, text),
        }
    }

    /// Something was destroyed on purpose: no failure, so marked as none.
    pub(super) fn struck(&mut self, step: &str, text: &str) {
        match &self.kind {
            Kind::Live(live) => live.line(&self.paint.yellow(STRUCK), &self.paint.yellow(step), text),
            Kind::Plain(plain) => plain.line(step, text),
        }
    }

    /// What is going on right now.
    pub(super) fn doing(&mut self, text: &str) {
        if let Kind::Live(live) = &mut self.kind {
            live.doing(text);
        }
    }

    /// The nodes as they are now.
    pub(super) fn nodes(&mut self, nodes: &[Node]) {
        match &mut self.kind {
            Kind::Live(live) => live.nodes(nodes),
            Kind::Plain(plain) => plain.nodes(nodes),
        }
    }

    /// Whether a server works on the nodes; if none does, those that were running are cut off.
    pub(super) fn server_is(&mut self, up: bool) {
        if let Kind::Live(live) = &mut self.kind {
            live.server_is(up);
        }
    }

    /// Does some work, and keeps drawing meanwhile.
    pub(super) async fn animate<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut frames = interval(FRAME);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = frames.tick() => if let Kind::Live(live) = &mut self.kind { live.draw() },
            }
        }
    }

    /// Takes away what was drawn in place; the lines stay.
    pub(super) fn clear(&mut self) {
        if let Kind::Live(live) = &mut self.kind {
            live.clear();
        }
    }
}

/// Shows a text that stays, outside of what is drawn.
pub(super) fn show(text: &str) {
    let mut out = io::stdout().lock();
    // As above: nobody reads along any more.
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}
