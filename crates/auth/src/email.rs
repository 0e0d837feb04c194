//! Email addresses: as their owner writes them, and as they are compared.

use crate::error::FieldProblem;

/// The longest address that mail can be sent to (RFC 5321, section 4.5.3.1.3, less the angle brackets), in characters.
const MAX_LENGTH: usize = 254;
/// The longest part before the `@` (RFC 5321, section 4.5.3.1.1), in characters.
const MAX_LOCAL_LENGTH: usize = 64;

/// An address that could be one: whether mail arrives there is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmailAddress {
    text: String,
    key: String,
}

impl EmailAddress {
    /// Takes an address, without the white space around it.
    pub(crate) fn parse(text: &str) -> Result<Self, FieldProblem> {
        let text = text.trim();
        if text.chars().count() > MAX_LENGTH {
            let message = format!("An email address has at most {MAX_LENGTH} characters.");
            return Err(FieldProblem::new("email", "too_long", message));
        }
        if !is_address(text) {
            let message = "This is not an email address of the form name@domain.";
            return Err(FieldProblem::new("email", "invalid_format", message));
        }
        Ok(Self {
            text: text.to_owned(),
            key: text.to_lowercase(),
        })
    }

    /// As the user wrote it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Lower-cased: two addresses with the same key are the same user.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

/// Quoted local parts with spaces or a second `@` are valid in theory, unknown in practice, and refused.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let plain = !text.chars().any(|c| c.is_whitespace() || is_unseen(c));
    plain && !local.is_empty() && local.chars().count() <= MAX_LOCAL_LENGTH && is_domain(domain)
}

/// Controls, what turns the direction of a text, and what joins and parts letters without being seen: a text with it looks like another one.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_domain(domain: &str) -> bool {
    !domain.contains('@') && domain.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_compared_in_lower_case_and_shown_as_written() {
        let address = EmailAddress::parse("  Ada.Lovelace@Example.ORG ").unwrap();
        assert_eq!(address.as_str(), "Ada.Lovelace@Example.ORG");
        assert_eq!(address.key(), "ada.lovelace@example.org");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@@x.org",
            "a@b@c",
            "a b@c.org",
            "a@b..c",
            "a@.org",
            "a\0@b.c",
        ] {
            assert_eq!(
                EmailAddress::parse(text).unwrap_err().code,
                "invalid_format",
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_overlong_address_is_refused() {
        let local = format!("{}@example.org", "a".repeat(65));
        assert_eq!(EmailAddress::parse(&local).unwrap_err().code, "invalid_format");
        let whole = format!("a@{}.org", "b".repeat(260));
        assert_eq!(EmailAddress::parse(&whole).unwrap_err().code, "too_long");
    }

    #[test]
    fn a_bare_host_and_other_alphabets_are_accepted() {
        for text in ["root@localhost", "用户@例子.广告", "Ünal@beispiel.de"] {
            assert!(EmailAddress::parse(text).is_ok(), "{text}");
        }
    }
}
