//! Licence expressions, judged against a list of licences: `AND` binds more tightly than `OR`, `WITH` adds an exception.

/// How deeply parentheses may nest before an expression counts as nonsense.
const DEEPEST: usize = 16;

/// Whether somebody who accepts only these licences can accept the expression.
///
/// # Errors
/// The expression is not one, with the reason.
pub(super) fn acceptable(expression: &str, accepted: &[&str]) -> Result<bool, String> {
    let words = words_of(expression);
    let mut reader = Reader {
        words: &words,
        accepted,
    };
    let verdict = reader.any(0)?;
    match reader.words {
        [] => Ok(verdict),
        [word, ..] => Err(format!("`{word}` does not belong there")),
    }
}

/// Words and parentheses; the slash of old manifests means OR.
fn words_of(expression: &str) -> Vec<String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

#[derive(Debug)]
struct Reader<'a> {
    words: &'a [String],
    accepted: &'a [&'a str],
}

impl Reader<'_> {
    fn any(&mut self, depth: usize) -> Result<bool, String> {
        let mut verdict = self.all(depth)?;
        while self.takes("OR") {
            verdict |= self.all(depth)?;
        }
        Ok(verdict)
    }

    fn all(&mut self, depth: usize) -> Result<bool, String> {
        let mut verdict = self.one(depth)?;
        while self.takes("AND") {
            verdict &= self.one(depth)?;
        }
        Ok(verdict)
    }

    fn one(&mut self, depth: usize) -> Result<bool, String> {
        if self.takes("(") {
            return self.in_parentheses(depth);
        }
        let mut licence = self.name()?.to_owned();
        if self.takes("WITH") {
            licence = format!("{licence} WITH {}", self.name()?);
        }
        Ok(self.accepted.contains(&licence.as_str()))
    }

    fn in_parentheses(&mut self, depth: usize) -> Result<bool, String> {
        if depth >= DEEPEST {
            return Err("it nests too deeply".to_owned());
        }
        let verdict = self.any(depth + 1)?;
        if self.takes(")") {
            Ok(verdict)
        } else {
            Err("a parenthesis is not closed".to_owned())
        }
    }

    fn name(&mut self) -> Result<&str, String> {
        match self.words {
            [] => Err("it ends where a licence should stand".to_owned()),
            [word, ..] if ["AND", "OR", "WITH", "(", ")"].contains(&word.as_str()) => {
                Err(format!("`{word}` stands where a licence should"))
            }
            [word, rest @ ..] => {
                self.words = rest;
                Ok(word)
            }
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        match self.words {
            [first, rest @ ..] if first == word => {
                self.words = rest;
                true
            }
            [..] => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::acceptable;

    const ACCEPTED: [&str; 4] = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];

    fn judged(expression: &str) -> Result<bool, String> {
        acceptable(expression, &ACCEPTED)
    }

    #[test]
    fn one_acceptable_choice_is_enough() {
        assert_eq!(judged("MIT OR GPL-3.0-only"), Ok(true));
        assert_eq!(judged("GPL-2.0-only OR LGPL-2.1-only"), Ok(false));
        assert_eq!(judged("MIT/Apache-2.0"), Ok(true));
    }

    #[test]
    fn every_part_of_a_conjunction_must_be_acceptable() {
        assert_eq!(judged("(MIT OR Apache-2.0) AND Unicode-3.0"), Ok(true));
        assert_eq!(judged("MIT AND GPL-3.0-or-later"), Ok(false));
    }

    #[test]
    fn and_binds_more_tightly_than_or() {
        assert_eq!(judged("MIT OR GPL-3.0-only AND LGPL-3.0-only"), Ok(true));
        assert_eq!(judged("(MIT OR GPL-3.0-only) AND LGPL-3.0-only"), Ok(false));
    }

    #[test]
    fn an_exception_is_part_of_the_licence() {
        assert_eq!(judged("Apache-2.0 WITH LLVM-exception"), Ok(true));
        assert_eq!(judged("MIT WITH LLVM-exception"), Ok(false));
        assert_eq!(judged("GPL-2.0-only WITH Classpath-exception-2.0"), Ok(false));
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        for wrong in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH"] {
            assert!(judged(wrong).is_err(), "{wrong}");
        }
        assert!(judged(&"(".repeat(100_000)).is_err());
    }
}
