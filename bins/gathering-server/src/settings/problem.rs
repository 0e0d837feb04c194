//! What is wrong with the settings: all of it at once, each with its place.

use std::fmt;
use std::path::Path;

use super::layers::Source;
use super::table::Setting;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where it stands: a file, a variable, a flag.
    place: String,
    /// What is wrong with it, and what would be right.
    message: String,
}

impl Problem {
    /// A problem of a configuration file.
    pub(crate) fn file(path: &Path, message: String) -> Self {
        Self {
            place: path.display().to_string(),
            message,
        }
    }

    /// A problem of an environment variable.
    pub(crate) fn variable(name: &str, message: String) -> Self {
        Self {
            place: name.to_owned(),
            message,
        }
    }

    /// A problem of the value of a setting.
    pub(crate) fn value(setting: &Setting, source: &Source, message: &str) -> Self {
        let place = match source {
            Source::Default => setting.name.to_owned(),
            Source::File(path) => format!("{}: {}", path.display(), setting.name),
            Source::Variable(name) | Source::Flag(name) => (*name).to_owned(),
        };
        Self {
            place,
            message: message.to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The settings were refused.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Refused {
    /// Everything that is wrong, in the order of the sources.
    pub(crate) problems: Vec<Problem>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        writeln!(f, "{count} {noun} in the settings; nothing was started:")?;
        for problem in &self.problems {
            writeln!(f, "  - {problem}")?;
        }
        write!(f, "`gathering config` prints every setting with its default.")
    }
}
