//! A line for each change, for files, pipes and CI.

use std::collections::HashMap;
use std::io::{self, Write as _};

use tokio::time::Instant;

use super::super::run::{Node, readable};

/// Remembers what it has said.
#[derive(Debug)]
pub(super) struct Plain {
    started: Instant,
    said: HashMap<String, String>,
}

impl Plain {
    pub(super) fn new(started: Instant) -> Self {
        Self {
            started,
            said: HashMap::new(),
        }
    }

    pub(super) fn line(&self, step: &str, text: &str) {
        let at = self.started.elapsed().as_secs_f64();
        writeln!(io::stdout(), "[{at:5.1} s] {step:<9} {text}").ok();
    }

    pub(super) fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.status != "pending") {
            let before = self.said.insert(node.id.clone(), node.status.clone());
            if before.as_deref() != Some(node.status.as_str()) {
                let took = node.took().map(readable).unwrap_or_default();
                let text = format!("{:<16} {:<10} {:<10} {took:>8}", node.id, node.r#type, node.status);
                self.line("node", text.trim_end());
            }
        }
    }
}
