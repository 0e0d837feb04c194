//! Migrations: well named, numbered without a gap in each folder, and never edited once released.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::Error;

use super::finding::Finding;
use super::tracked;

const RULE: &str = "migrations";
const FOLDER: &str = "migrations/";
/// The released ones, in the format of `sha256sum`, comments after a hash sign.
const CHECKSUMS: &str = "migrations/checksums.txt";
const NAMING: &str = "name it TABLES/V{n}__what_it_does.sql: the folder of the tables it belongs to, n without leading zeros, \
    lower-case words and underscores";

/// Names, numbers and checksums.
pub(super) fn check(context: &Context) -> Result<Vec<Finding>, Error> {
    let files = tracked::files(context)?;
    let names: Vec<&str> = files
        .iter()
        .filter_map(|file| file.strip_prefix(FOLDER))
        .filter(|name| tracked::has_extension(name, "sql"))
        .collect();
    let mut contents = BTreeMap::new();
    for name in &names {
        contents.insert((*name).to_owned(), context.read(&format!("{FOLDER}{name}"))?);
    }
    let released = context.read(CHECKSUMS)?;
    Ok([check_names(&names), check_released(&released, &contents)].concat())
}

fn check_names(names: &[&str]) -> Vec<Finding> {
    let wrong = names.iter().filter(|name| number_of(name).is_none());
    let wrong = wrong.map(|name| {
        Finding::new(
            RULE,
            format!("{FOLDER}{name}"),
            "the name is not one of a migration",
            NAMING,
        )
    });
    let mut numbers: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (folder, number) in names.iter().filter_map(|name| number_of(name)) {
        numbers.entry(folder).or_default().push(number);
    }
    let out_of_step = numbers
        .iter_mut()
        .filter_map(|(folder, numbers)| check_numbers(folder, numbers));
    wrong.chain(out_of_step).collect()
}

fn check_numbers(folder: &str, numbers: &mut [u32]) -> Option<Finding> {
    numbers.sort_unstable();
    let (expected, number) = (1..).zip(numbers).find(|(expected, number)| expected != *number)?;
    let problem = format!("V{number} stands where V{expected} is expected");
    Some(Finding::new(
        RULE,
        format!("{FOLDER}{folder}/"),
        problem,
        "number the migrations of a folder from 1, each number once, without a gap",
    ))
}

/// The folder and 3 for `accounts/V3__sessions.sql`.
fn number_of(name: &str) -> Option<(&str, u32)> {
    let (folder, file) = name.split_once('/')?;
    let (number, words) = file.strip_prefix('V')?.strip_suffix(".sql")?.split_once("__")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let well_named = !words.is_empty() && words.bytes().all(plain) && !number.starts_with(['0', '+']);
    Some((folder, number.parse().ok().filter(|_| well_named)?))
}

fn check_released(released: &str, contents: &BTreeMap<String, String>) -> Vec<Finding> {
    let lines = released
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| check_line(line, contents)).collect()
}

fn check_line(line: &str, contents: &BTreeMap<String, String>) -> Option<Finding> {
    let Some((sum, name)) = line.split_once("  ") else {
        let way_out = "write lines as sha256sum does: (cd migrations && sha256sum */V*.sql)";
        return Some(Finding::new(
            RULE,
            CHECKSUMS,
            format!("the line {line:?} is no checksum"),
            way_out,
        ));
    };
    let problem = match contents.get(name) {
        None => "a released migration is gone",
        Some(text) if checksum(text) == sum => return None,
        Some(_) => "a released migration was edited",
    };
    let way_out = "restore it: databases out there have applied it as it was; put the change into a new migration";
    Some(Finding::new(RULE, format!("{FOLDER}{name}"), problem, way_out))
}

fn checksum(text: &str) -> String {
    let mut hexadecimal = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _never = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{check_names, check_released};

    /// What `sha256sum` says of an empty file.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn good_names_pass_in_any_order() {
        assert_eq!(
            check_names(&[
                "a/V2__accounts.sql",
                "a/V1__foundation.sql",
                "a/V3__add_2.sql",
                "b/V1__x.sql"
            ]),
            []
        );
    }

    #[test]
    fn bad_names_are_refused() {
        for name in [
            "a/V01__a.sql",
            "a/1__a.sql",
            "a/V1_a.sql",
            "a/V1__.sql",
            "a/V1__A.sql",
            "a/V1__a b.sql",
            "a/U1__a.sql",
            "V1__a.sql",
        ] {
            assert!(!check_names(&[name]).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_number_twice_and_a_gap_are_refused() {
        assert_eq!(
            check_names(&["a/V1__a.sql", "a/V1__b.sql"])[0].problem,
            "V1 stands where V2 is expected"
        );
        assert_eq!(
            check_names(&["b/V1__a.sql", "a/V1__a.sql", "a/V3__b.sql"])[0].problem,
            "V3 stands where V2 is expected"
        );
    }

    #[test]
    fn a_released_migration_may_neither_change_nor_go() {
        let released = format!("# released\n{EMPTY}  a/V1__a.sql\n");
        assert_eq!(problems(&released, ""), [""; 0]);
        assert_eq!(
            problems(&released, "DROP TABLE runs"),
            ["a released migration was edited"]
        );
        let gone = format!("{EMPTY}  a/V2__b.sql\n");
        assert_eq!(problems(&gone, ""), ["a released migration is gone"]);
        assert!(problems("nonsense", "")[0].contains("no checksum"));
    }

    fn problems(released: &str, content: &str) -> Vec<String> {
        let contents = BTreeMap::from([("a/V1__a.sql".to_owned(), content.to_owned())]);
        check_released(released, &contents)
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }
}
