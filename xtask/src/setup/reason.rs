//! Why an installer failed, in one line instead of in all that it said.

use crate::error::Error;

/// What installers say where they cannot reach the place that they fetch from, in lower case.
const UNREACHED: [&str; 9] = [
    "connection",
    "could not connect",
    "could not resolve",
    "max retries exceeded",
    "name resolution",
    "temporary failure",
    "timed out",
    "unable to connect",
    "unreachable",
];

/// The reason in one line, with the program's own last line.
pub(super) fn in_one_line(error: &Error) -> String {
    let Error::Failed { command, output } = error else {
        return error.to_string();
    };
    let last = output.lines().map(str::trim).rfind(|line| !line.is_empty());
    let last = last.unwrap_or("it gave no reason");
    let said = output.to_lowercase();
    if UNREACHED.iter().any(|sign| said.contains(sign)) {
        format!("no network, or the registry cannot be reached ({last})")
    } else {
        let program = command.split_whitespace().next().unwrap_or_default();
        format!("{program} failed: {last}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(output: &str) -> String {
        in_one_line(&Error::Failed {
            command: "python3 -m pip download".to_owned(),
            output: output.to_owned(),
        })
    }

    #[test]
    fn a_missing_network_is_named_and_only_the_last_line_is_kept() {
        let said =
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\nERROR: No match\n\n";
        assert_eq!(
            failed(said),
            "no network, or the registry cannot be reached (ERROR: No match)"
        );
    }

    #[test]
    fn another_failure_is_not_blamed_on_the_network() {
        let said = "ERROR: Could not find a version\nERROR: No match";
        assert_eq!(failed(said), "python3 failed: ERROR: No match");
        assert_eq!(failed(""), "python3 failed: it gave no reason");
    }
}
