//! A schedule as somebody wrote it into a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gathering::{Json, ProjectId};
use serde_json::Value;

use crate::failure::Failure;

/// The most bytes of a file that is read.
const MAX_FILE: u64 = 1 << 20;

/// What a file holds: JSON, and not more of it than a schedule may have.
#[derive(Debug)]
pub(super) struct Written {
    path: PathBuf,
    value: Value,
}

impl Written {
    /// What is in a file; in the standard input for `-`.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = if path == Path::new("-") {
            text_of(io::stdin().lock())
        } else {
            File::open(path).and_then(text_of)
        };
        let text = text.map_err(|source| Failure::System {
            action: "read the file with the schedule",
            source,
        })?;
        if text.len() as u64 > MAX_FILE {
            return Err(wrong(path, &format!("it has more than {MAX_FILE} bytes")));
        }
        Ok(Self {
            path: path.to_owned(),
            value: serde_json::from_str(&text).map_err(|error| wrong(path, &format!("it is not JSON: {error}")))?,
        })
    }

    /// Takes out the project that it names.
    pub(super) fn take_project(&mut self) -> Result<Option<ProjectId>, Failure> {
        match self.take("project_id") {
            None | Some(Value::Null) => Ok(None),
            Some(project) => {
                let read = project.as_str().and_then(|id| id.parse().ok());
                let read = read.ok_or_else(|| wrong(&self.path, "project_id: must be a UUID"))?;
                Ok(Some(read))
            }
        }
    }

    /// Takes out a field.
    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        self.value.as_object_mut()?.shift_remove(field)
    }

    /// The rest of it: how the schedule is defined.
    pub(super) fn definition(&self) -> Json {
        Json::from_value(&self.value)
    }
}

fn text_of(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(MAX_FILE + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn wrong(path: &Path, message: &str) -> Failure {
    Failure::Refused(format!("{}: {message}", path.display()))
}
