//! What people see: lines on standard output, errors with their causes, colours only where a person reads them.

use std::error::Error;
use std::io::{IsTerminal, Write};

/// The meaning of a coloured word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It went well.
    Good,
    /// It went well, but somebody should look.
    Caution,
    /// It failed.
    Bad,
    /// Less important than what stands beside it.
    Quiet,
}

/// Prints one line; a reader that has gone away is no reason to fail.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

/// Prints an error with its chain of causes on standard error.
pub(crate) fn report_error(error: &dyn Error) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str("\n  because: ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// The text in the colour of its tone, if standard output is a terminal and `NO_COLOR` is not set.
pub(crate) fn paint(text: &str, tone: Tone) -> String {
    if colours_wanted() {
        format!("\x1b[{}m{text}\x1b[0m", code(tone))
    } else {
        text.to_owned()
    }
}

fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stdout().is_terminal()
}

fn code(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "32",
        Tone::Caution => "33",
        Tone::Bad => "31",
        Tone::Quiet => "2",
    }
}
