//! Which passwords are acceptable: long enough, and not among the first that anybody would try (NIST SP 800-63B).

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::error::FieldProblem;

/// The fewest characters of a password.
const MIN_LENGTH: usize = 15;
/// The most characters of a password.
const MAX_LENGTH: usize = 128;
/// A shorter piece repeated to the length is as easily guessed as the piece.
const MAX_REPEATED_PIECE: usize = 5;

/// The most common passwords that are long enough, in lower case; `#` begins a comment.
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

/// What is wrong with a password for the user of `email`, if anything. There are no rules of composition.
pub(crate) fn problems(password: &str, email: &str) -> Option<FieldProblem> {
    let length = password.chars().count();
    if length < MIN_LENGTH {
        let message =
            format!("A password has at least {MIN_LENGTH} characters; a few unrelated words make a good one.");
        return Some(FieldProblem::new("password", "too_short", message));
    }
    if length > MAX_LENGTH {
        let message = format!("A password has at most {MAX_LENGTH} characters.");
        return Some(FieldProblem::new("password", "too_long", message));
    }
    is_common(&password.to_lowercase(), &email.to_lowercase()).then(|| {
        let message = "This password is among the first that anybody would try; choose one that nobody else has.";
        FieldProblem::new("password", "too_common", message)
    })
}

/// Both in lower case.
fn is_common(password: &str, email: &str) -> bool {
    password == email || COMMON.contains(password) || is_repeated(password) || is_sequence(password)
}

/// `abcabcabcabcabc`, `000000000000000`: a short piece, over and over.
fn is_repeated(password: &str) -> bool {
    let chars: Vec<char> = password.chars().collect();
    (1..=MAX_REPEATED_PIECE).any(|piece| chars.iter().zip(chars.iter().skip(piece)).all(|(a, b)| a == b))
}

/// `abcdefghijklmno`, `987654321098765`: each character one after, or one before, the last; after 9 comes 0.
fn is_sequence(password: &str) -> bool {
    let codes: Vec<i64> = password.chars().map(|c| i64::from(u32::from(c))).collect();
    [1, -1]
        .iter()
        .any(|step| codes.windows(2).all(|pair| follows(pair[0], pair[1], *step)))
}

fn follows(first: i64, second: i64, step: i64) -> bool {
    let (zero, nine) = (i64::from(u32::from('0')), i64::from(u32::from('9')));
    let wraps = if step > 0 {
        (first, second) == (nine, zero)
    } else {
        (first, second) == (zero, nine)
    };
    second - first == step || wraps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str) -> Option<&'static str> {
        problems(password, "ada.lovelace@example.org").map(|problem| problem.code)
    }

    #[test]
    fn length_is_counted_in_characters_and_its_bounds_are_included() {
        assert_eq!(code("fourteen chars"), Some("too_short"));
        assert_eq!(code("fifteen chars ü"), None);
        let long: String = "a quite unusual sentence ".chars().cycle().take(128).collect();
        assert_eq!(code(&long), None);
        assert_eq!(code(&format!("{long}!")), Some("too_long"));
    }

    #[test]
    fn nothing_is_demanded_of_the_composition() {
        assert_eq!(code("plain lower case words"), None);
        assert_eq!(code("        spaces around        "), None);
        assert_eq!(code("пароль из нескольких слов"), None);
    }

    #[test]
    fn the_most_common_ones_are_refused_in_any_case() {
        for password in [
            "passwordpassword",
            "PasswordPassword",
            "qwertyuiopasdfgh",
            "CorrectHorseBatteryStaple",
        ] {
            assert_eq!(code(password), Some("too_common"), "{password}");
        }
    }

    #[test]
    fn repetitions_and_sequences_are_refused() {
        for password in [
            "aaaaaaaaaaaaaaa",
            "abcabcabcabcabcab",
            "1234512345123451",
            "abcdefghijklmnop",
            "1234567890123456",
        ] {
            assert_eq!(code(password), Some("too_common"), "{password}");
        }
        assert_eq!(code("987654321098765"), Some("too_common"));
    }

    #[test]
    fn the_own_address_is_refused() {
        assert_eq!(code("Ada.Lovelace@example.org"), Some("too_common"));
    }

    #[test]
    fn a_problem_never_repeats_the_password() {
        for password in ["short", "passwordpassword"] {
            assert!(!problems(password, "").unwrap().message.contains(password));
        }
    }

    #[test]
    fn every_line_of_the_list_can_match() {
        for line in COMMON.iter() {
            let length = line.chars().count();
            assert!(
                (MIN_LENGTH..=MAX_LENGTH).contains(&length) && *line == line.to_lowercase(),
                "{line}"
            );
        }
    }
}
