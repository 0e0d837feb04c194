//! `cargo test` with its output passed through as it comes, and one line at the end that adds it up.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use crate::error::Error;
use crate::terminal::{Tone, paint, say};

/// Runs the prepared `cargo test`.
pub(super) fn run(command: &mut Command) -> Result<ExitCode, Error> {
    let start_failed = |source| Error::Start {
        command: "cargo test".to_owned(),
        source,
    };
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(start_failed)?;
    let mut totals = Totals::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(start_failed)?;
            let line = String::from_utf8_lossy(&line);
            totals.add(&line);
            say(&line);
        }
    }
    let status = child.wait().map_err(start_failed)?;
    totals.report();
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The sums over every test binary.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    binaries: u64,
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
}

impl Totals {
    fn add(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.binaries += 1;
            self.passed += count_before(counts, "passed");
            self.failed += count_before(counts, "failed");
            self.skipped += count_before(counts, "ignored");
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
    }

    /// Nothing is added up where nothing ran, as when the code does not compile.
    fn report(&self) {
        if self.binaries == 0 {
            return;
        }
        for name in &self.failures {
            say(&format!("{} {name}", paint("failed", Tone::Bad)));
        }
        say(&format!(
            "total: {} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        ));
    }
}

/// The number before a word: 3 in `ok. 3 passed; 0 failed`.
fn count_before(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
    words
        .windows(2)
        .find(|pair| pair[1] == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn the_lines_of_every_binary_add_up() {
        let mut totals = Totals::default();
        for line in [
            "test a_run_starts ... ok",
            "test a_run_ends ... FAILED",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: ok. 20 passed; 0 failed; 2 ignored; 0 measured; 7 filtered out; finished in 1.20s",
        ] {
            totals.add(line);
        }
        let failures = vec!["a_run_ends".to_owned()];
        assert_eq!(
            totals,
            Totals {
                binaries: 2,
                passed: 21,
                failed: 1,
                skipped: 2,
                failures
            }
        );
    }
}
