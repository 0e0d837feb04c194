//! The files of the repository, tracked or about to be, as git lists them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::context::Context;
use crate::error::Error;
use crate::process;

/// Their paths from the root, sorted; deleted and ignored ones left out.
pub(super) fn files(context: &Context) -> Result<BTreeSet<String>, Error> {
    let mut command = Command::new("git");
    command
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&context.root);
    let output = process::capture_from(&mut command)?;
    let paths = output.split('\0').filter(|path| !path.is_empty());
    Ok(paths
        .filter(|path| context.root.join(path).is_file())
        .map(str::to_owned)
        .collect())
}

/// Whether the file's name ends with a dot and this extension.
pub(super) fn has_extension(file: &str, extension: &str) -> bool {
    Path::new(file).extension().is_some_and(|found| found == extension)
}
