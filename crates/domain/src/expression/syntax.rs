//! Reading the text of expressions and templates, within limits that keep crafted ones from exhausting the stack.

use minijinja::machinery::{Span, Token, parse, parse_expr, tokenize};

use super::SyntaxError;
use super::language::{LANGUAGE, MAX_OUTPUT_BYTES};
use super::references::{Findings, of_expression, of_statement};

/// The longest expression or statement, in tokens: the parser and compiler of the language recurse over chains such as
/// `1 + 1 + …` without a limit of their own.
const MAX_TOKENS: usize = 400;
/// The most statements in one text: a chain of `elif` nests as deep as it is long.
const MAX_STATEMENTS: usize = 200;

/// What a string of a template is.
#[derive(Debug)]
pub(crate) enum Shape<'a> {
    /// Without anything to evaluate.
    Plain,
    /// Exactly one `{{ expression }}`: the text of the expression, and where it starts.
    Expression(&'a str, usize),
    /// Expressions between other text, or statements.
    Text,
}

/// Parses an expression for what it reads.
pub(super) fn parse_expression(source: &str) -> Result<Findings, SyntaxError> {
    bounded(source, true)?;
    if source.trim_start().starts_with("{{") {
        let message = "an expression stands here by itself: leave out `{{` and `}}`";
        return Err(SyntaxError::new(message, 0, source));
    }
    let expr = parse_expr(source).map_err(|error| SyntaxError::of(&error, source))?;
    of_expression(&expr, source)
}

/// Parses a text with expressions in it for what it reads.
pub(crate) fn parse_text(source: &str) -> Result<Findings, SyntaxError> {
    let stmt = parse(source, "template", LANGUAGE.syntax().clone()).map_err(|error| SyntaxError::of(&error, source))?;
    of_statement(&stmt, source)
}

/// Tells what a string is, having checked that it is safe to parse.
pub(crate) fn shape_of(source: &str) -> Result<Shape<'_>, SyntaxError> {
    if !["{{", "{%", "{#"].iter().any(|start| source.contains(start)) {
        return Ok(Shape::Plain);
    }
    let ends = bounded(source, false)?;
    let single = (ends.expressions, ends.statements, ends.texts) == (1, 0, 0);
    let Some(inner) = source.get(ends.inner.clone()).filter(|_| single) else {
        return Ok(Shape::Text);
    };
    let trimmed = inner.trim_start();
    let start = ends.inner.start + inner.len() - trimmed.len();
    Ok(Shape::Expression(trimmed.trim_end(), start))
}

/// What a text was seen to consist of.
#[derive(Default)]
struct Seen {
    expressions: usize,
    statements: usize,
    texts: usize,
    /// Between the last `{{` and `}}`.
    inner: std::ops::Range<usize>,
}

fn bounded(source: &str, is_expression: bool) -> Result<Seen, SyntaxError> {
    if source.len() > MAX_OUTPUT_BYTES {
        return Err(SyntaxError::new("longer than 1 MiB", 0, source));
    }
    let mut seen = Seen::default();
    let mut tokens = 0;
    for token in tokenize(source, is_expression, LANGUAGE.syntax().clone()) {
        let (token, span) = token.map_err(|error| SyntaxError::of(&error, source))?;
        tokens = if seen.starts(&token, span) { 0 } else { tokens + 1 };
        let too_much = match (tokens > MAX_TOKENS, seen.statements > MAX_STATEMENTS) {
            (true, _) => format!("an expression of more than {MAX_TOKENS} words and signs"),
            (_, true) => format!("more than {MAX_STATEMENTS} statements"),
            _ => continue,
        };
        return Err(SyntaxError::new(too_much, span.start_offset as usize, source));
    }
    Ok(seen)
}

impl Seen {
    /// Notes a token; says whether it starts or ends an expression or statement.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the tokens around expressions and statements matter"
    )]
    fn starts(&mut self, token: &Token<'_>, span: Span) -> bool {
        match token {
            Token::TemplateData(_) => self.texts += 1,
            Token::VariableStart => {
                self.expressions += 1;
                self.inner.start = span.end_offset as usize;
            }
            Token::VariableEnd => self.inner.end = span.start_offset as usize,
            Token::BlockStart => self.statements += 1,
            _ => return false,
        }
        true
    }
}
