//! Lays the sources over each other: gathering.toml, then variables, then flags.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::table::{ALL, Setting};
use crate::nearest::suggestion;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody set it.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(&'static str),
    /// A flag on the command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value as somebody wrote it.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// The text, not yet checked.
    pub(crate) text: String,
    /// Who wrote it.
    pub(crate) source: Source,
}

/// What is set, by the name of the setting; the strongest source has won.
pub(crate) type Values = BTreeMap<&'static str, Given>;

/// What the process was started with.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// `--config PATH`: must exist then.
    pub(crate) file: Option<PathBuf>,
    /// The environment variables.
    pub(crate) variables: Vec<(String, String)>,
    /// The flags that were given, by the name of their setting.
    pub(crate) flags: Vec<(&'static Setting, String)>,
}

/// Merges all sources; whatever names no setting becomes a problem.
pub(crate) fn merge(inputs: &Inputs, problems: &mut Vec<Problem>) -> Values {
    let mut values = Values::new();
    read_file(inputs.file.as_deref(), &mut values, problems);
    read_variables(&inputs.variables, &mut values, problems);
    for (setting, text) in &inputs.flags {
        let source = Source::Flag(setting.flag.unwrap_or(setting.name));
        values.insert(
            setting.name,
            Given {
                text: text.clone(),
                source,
            },
        );
    }
    values
}

/// The file that is read when `--config` names none.
const USUAL_FILE: &str = "gathering.toml";

fn read_file(named: Option<&Path>, values: &mut Values, problems: &mut Vec<Problem>) {
    let path = named.unwrap_or_else(|| Path::new(USUAL_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => read_table(path, &text, values, problems),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => problems.push(Problem::file(path, format!("cannot be read: {error}"))),
    }
}

fn read_table(path: &Path, text: &str, values: &mut Values, problems: &mut Vec<Problem>) {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            problems.push(Problem::file(
                path,
                format!("is not TOML: {error}").trim_end().to_owned(),
            ));
            return;
        }
    };
    for (key, value) in table {
        let Some(setting) = ALL.iter().find(|setting| setting.name == key) else {
            let hint = suggestion(&key, ALL.iter().map(|setting| setting.name));
            problems.push(Problem::file(path, format!("`{key}` is no setting{hint}")));
            continue;
        };
        match text_of(&value) {
            Some(text) => {
                let source = Source::File(path.to_owned());
                values.insert(setting.name, Given { text, source });
            }
            None => problems.push(Problem::file(
                path,
                format!(
                    "`{key}` is {}, but must be text, a number or a list of texts",
                    value.type_str()
                ),
            )),
        }
    }
}

/// A TOML value as the text a variable would have; a list is joined by commas.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// The prefix that makes a variable ours, so that a slip in the rest is noticed.
const PREFIX: &str = "GATHERING_";

fn read_variables(variables: &[(String, String)], values: &mut Values, problems: &mut Vec<Problem>) {
    for (name, text) in variables {
        match ALL.iter().find(|setting| setting.variable == name) {
            // A variable set to nothing is how many tools unset one.
            Some(_) if text.is_empty() => {}
            Some(setting) => {
                let source = Source::Variable(setting.variable);
                values.insert(
                    setting.name,
                    Given {
                        text: text.clone(),
                        source,
                    },
                );
            }
            None if name.starts_with(PREFIX) => problems.push(unknown_variable(name)),
            None => {}
        }
    }
}

fn unknown_variable(name: &str) -> Problem {
    // The prefix is the same for nearly all: comparing the rest keeps it from hiding the difference.
    let rest = name.trim_start_matches(PREFIX);
    let near = crate::nearest::nearest(rest, ALL.iter().map(|setting| setting.name));
    let hint = ALL
        .iter()
        .find(|setting| Some(setting.name) == near)
        .map_or_else(String::new, |setting| format!("; did you mean `{}`?", setting.variable));
    Problem::variable(name, format!("is no setting{hint}"))
}
